"""The columnar path and the row path must tell the same story about every value."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.model import StorageClass, ValueKind
from migration.value_conversion.batch_conversion import Context, Converter, convert
from migration.value_conversion.raw_batch import RawBatch
from migration.value_conversion.row_conversion import column_context, convert_value, stored_value
from migration.value_conversion.rules import RULES, Misfit, Rule
from migration.value_conversion.value_kinds import ARROW_TYPES
from tests.support.column_factories import plan, raw, slot

TYPES = {
    ValueKind.INT16: ["smallint"],
    ValueKind.INT32: ["integer"],
    ValueKind.INT64: ["bigint"],
    ValueKind.FLOAT32: ["real"],
    ValueKind.FLOAT64: ["double precision"],
    ValueKind.NUMERIC: ["numeric", "numeric(10,2)", "numeric(5,5)", "numeric(38,0)"],
    ValueKind.TEXT: ["text", "varchar(5)"],
    ValueKind.BYTES: ["bytea"],
    ValueKind.BOOL: ["boolean"],
    ValueKind.DATE: ["date"],
    ValueKind.TIME: ["time"],
    ValueKind.TIMESTAMP: ["timestamp"],
    ValueKind.TIMESTAMPTZ: ["timestamp with time zone"],
    ValueKind.JSON: ["jsonb", "json"],
    ValueKind.UUID: ["uuid"],
}


def types_of(rule: Rule) -> list[str]:
    return ["char(5)", "char(1)"] if rule.name == "text_to_char" else TYPES[rule.kind]


CASES = [(name, target_type) for name, rule in RULES.items() for target_type in types_of(rule)]

DIGITS = st.text("0123456789", min_size=1, max_size=8)
NUMBERS = st.from_regex(r"[+-]?[0-9]{0,7}\.?[0-9]{0,7}([eE][+-]?[0-9]{1,3})?", fullmatch=True)
DAYS = st.from_regex(
    r"([0-9]{4}|19[789][0-9]|20[012][0-9])-(0?[1-9]|1[0-2]|[0-9]{2})-(0?[1-9]|[12][0-9]|3[01]|[0-9]{2})",
    fullmatch=True,
)
CLOCKS = st.from_regex(
    r"([01][0-9]|2[0-3]|[0-9]{1,2})(:[0-5][0-9](:[0-5][0-9]([.,][0-9]{0,11})?)?)?", fullmatch=True
)
MIDNIGHTS = st.sampled_from(["00", "00:00", "00:00:00", "00:00:00.0", "00:00:00.000000", "00:00:00.0000000"])
OFFSETS = st.sampled_from(
    ["", "", "Z", "z", "+00:00", "-05", "+0530", "+05:30", " +02", "+24:00", "-23:59", "+05:99", " +02:00", " Z",
     "+01:24:36", " UTC", "UTC", " +0330 +0330 m=+84630.7", " +0000 UTC", "-0700 PDT", " -0700 PDT m=-0.5", " m=+1",
     "+02:00[Europe/Berlin]", "Z[UTC]", "[UTC]", "  +02:00", " +2"]
)  # fmt: skip
MOMENTS = st.builds(
    lambda day, gap, clock, offset: f"{day}{gap}{clock}{offset}",
    DAYS,
    st.sampled_from([" ", "T", "t", "  "]),
    CLOCKS | MIDNIGHTS,
    OFFSETS,
)
ODD_TEXTS = st.sampled_from(
    ["", " ", "\0", "a\0b", "true", "F", "yes", "é", "日本語", "ab ", "abcde ", "abcdef", "0", "-0", "-0.0", "1_0",
     "0.50", "00", "١٢", "Infinity", "NaN", "{}", "[1, 2]", '{"a": "\\u0000"}', '"\\\\u0000"', "1e-5000", "1e400",
     '"\\ud800"', "[", "2024-02-30", "2024-02-29", "0000-01-01", "04/12/2005 09:00", "1992-8-1", "24:00", "9:00",
     "2024-03-10 02:30:00", "2024-11-03 01:30:00", "0001-01-01 00:00+05", "9999-12-31 23:59:59.999999-01",
     "20240625T143438.1234565Z", "20240625T1434", "20240625143438", "20240230000000",
     "16770101000000", "20240625143438.5Z", "20241103013000", "9999-12-31 23:59:59.9999999", "23:59:59.9999999",
     "2000-01-01 10:00:00", "2024-06-30 23:59:59.9999996Z",
     "1969-12-31 23:59:59.9999995", "1969-12-31 23:59:59.0000005", "1969-12-31 23:59:59.0000015+00",
     "1600-01-01 00:00:00.0000005", "2024-11-03 01:30:00.0000006", "2024-03-10 02:30:00.0000001"]
)  # fmt: skip
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
UUIDS = st.builds(
    lambda value, spell: spell(value),
    st.uuids(),
    st.sampled_from(
        [str, lambda u: u.hex, lambda u: str(u).upper(), lambda u: f"{{{u}}}", lambda u: f"{u} "]
    ),
)
TEXTS = (
    st.text(max_size=7)
    | NUMBERS
    | DIGITS
    | DAYS
    | CLOCKS
    | MOMENTS
    | ODD_TEXTS
    | JSONS.map(json.dumps)
    | UUIDS
    | st.lists(st.text(max_size=3), max_size=3).map(",".join)
    | st.binary(max_size=5)
)
INTEGERS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(-40_000, 40_000)
    | st.sampled_from(
        [0, 1, 2, -1, 2**31 - 1, 2**31, -(2**31), 2**53, 2**53 + 1, -(2**53) - 1, 2**24 + 1, 10**8]
    )
    | st.integers(0, 2 * 10**9)
    | st.integers(0, 2 * 10**12)
    | st.integers(-1_000, 1_000).map(lambda days: days * 86_400)
)
REALS = (
    st.floats(allow_nan=False)
    | st.floats(-1e6, 1e6)
    | st.floats(2_400_000, 2_500_000)
    | st.floats(1e8, 2e9)
    | st.integers(-(10**6), 10**6).map(float)
    | st.decimals(-1000, 1000, places=2).map(float)
    | st.sampled_from([-0.0, 5e-324, 1e16, 1e22, 123456789012345.6, 0.00001, 1e-7])
)
VALUES = {
    StorageClass.INTEGER: INTEGERS,
    StorageClass.REAL: REALS,
    StorageClass.TEXT: TEXTS,
    StorageClass.BLOB: st.binary(max_size=6)
    | st.binary(min_size=16, max_size=16)
    | TEXTS.map(lambda t: t.encode() if isinstance(t, str) else t),
}
ZONES = ["UTC", "America/New_York"]


def row_path(rule: Rule, values: pa.Array, context: Context) -> list[tuple[str, Any]]:
    """Convert each value by the scalar form alone."""
    results: list[tuple[str, Any]] = []
    for index in range(len(values)):
        value = stored_value(values, index)
        if value is None:
            results.append(("value", None))
            continue
        try:
            converted = convert_value(rule, value, context)
        except Misfit as misfit:
            results.append(("misfit", misfit.reason))
        else:
            results.append(("value", pa.array([converted], ARROW_TYPES[rule.kind])[0]))
    return results


@pytest.mark.parametrize(("name", "target_type"), CASES)
def test_both_paths_give_the_same_values_and_refuse_the_same(name: str, target_type: str) -> None:
    rule = RULES[name]

    @settings(max_examples=15, deadline=None, database=None)
    @given(
        values=st.lists(st.none() | VALUES[rule.storage_class], min_size=4, max_size=20),
        zone=st.sampled_from(ZONES),
        cut=st.integers(0, 2),
    )
    def agree(values: list[Any], zone: str, cut: int) -> None:
        context = Context(zone)
        array = slot(rule.storage_class, values)[cut:]
        expected = row_path(rule, array, context.for_type(target_type))
        converted, bad = rule.columnar(array, context.for_type(target_type))
        assert converted.type == ARROW_TYPES[rule.kind]
        for index, (outcome, value) in enumerate(expected):
            if bad is not None and bad[index].as_py():
                continue  # left to the row path
            assert outcome == "value", (values, value)
            assert same(converted[index], value), (values, converted[index], value)
        check_whole_conversion(rule, target_type, array, expected, context)

    agree()


def check_whole_conversion(
    rule: Rule, target_type: str, array: pa.Array, expected: list[tuple[str, Any]], context: Context
) -> None:
    batch = RawBatch((pa.array(range(len(array))),), {"c": {rule.storage_class: array}}, len(array))
    converted = Converter([plan(rule.name, target_type)], context).convert(batch)
    kept = [value for outcome, value in expected if outcome == "value"]
    refused = [(index, reason) for index, (outcome, reason) in enumerate(expected) if outcome == "misfit"]
    assert converted.batch.num_rows == len(kept)
    assert all(same(a, b) for a, b in zip(converted.batch.column(0), kept, strict=True))
    assert [(r.key[0], r.reason) for r in converted.rejections] == refused
    converted.batch.validate(full=True)


def same(one: pa.Scalar, other: pa.Scalar | None) -> bool:
    if other is None or not other.is_valid:
        return not one.is_valid
    if pa.types.is_floating(one.type):
        return pa.array([one]).buffers()[1].equals(pa.array([other]).buffers()[1])  # bit for bit
    return one.is_valid and one.equals(other)


def test_julian_days_of_sqlite_keep_their_second() -> None:
    rule = RULES["julian_to_timestamptz"]
    assert rule.scalar(2460311.0242592595, Context()) == datetime(2024, 1, 1, 12, 34, 56, tzinfo=UTC)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - made aware below
@settings(max_examples=200, deadline=None, database=None)
def test_text_of_any_moment_comes_back_as_that_moment(moment: datetime) -> None:
    converted, bad = RULES["text_to_timestamptz"].columnar(pa.array([moment.isoformat(" ")]), Context())
    assert bad is None
    assert converted[0].as_py() == moment.replace(tzinfo=UTC)


_AMOUNTS = st.one_of(
    st.integers(-(10**14), 10**14).map(lambda cents: cents / 100),
    st.integers(-(10**9), 10**9).map(lambda units: units / 10_000),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 0.1 + 0.2, 9_999_999_999.99, 1e10, 1e15, 1e-4, 5e-5, 99.995, 0.005]),
)


@given(
    st.lists(_AMOUNTS, min_size=1, max_size=6),
    st.sampled_from(["numeric(12,2)", "numeric(5,2)", "numeric(20,4)", "numeric(15,0)", "numeric(18,6)"]),
)
def test_amounts_are_spelled_as_each_alone(values: list[float], target_type: str) -> None:
    column = plan("real_to_numeric", target_type)
    rule, context = RULES["real_to_numeric"], column_context(column, Context())
    alone = []
    for value in values:
        with suppress(Misfit):
            alone.append(convert_value(rule, value, context))
    assert convert(raw(c=values), [column], Context()).batch.column(0).to_pylist() == alone
