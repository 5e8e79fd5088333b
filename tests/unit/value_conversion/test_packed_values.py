from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.errors import InternalError
from migration.model import ColumnPlan, ColumnProfile, StorageClass, ValueKind
from migration.value_conversion.batch_conversion import Context, Converted, Converter
from migration.value_conversion.packed_values import (
    classes_to_read,
    pack,
    pack_uuids,
    packed_type,
    units_of,
    words_of,
)
from migration.value_conversion.raw_batch import RawBatch

INTEGER, REAL, TEXT = StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT
NUMBERS = {INTEGER: "integer_to_numeric", REAL: "real_to_numeric"}
TYPES = ["numeric(12,2)", "numeric(18,0)", "numeric(18,6)", "numeric(5,5)", "numeric(6,6)", "numeric(3)"]
VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-(10**4), 10**4)
    | st.floats(allow_nan=False)
    | st.integers(-(10**15), 10**15).map(lambda cents: cents / 100)
    | st.integers(-(10**9), 10**9).map(lambda units: units / 10**6)
    | st.sampled_from([0.0, -0.0, 0.1 + 0.2, 1e15, 1e-7, 9999999999.99, 99999999999999.98, 0.99999, 999.0])
)
quick = settings(max_examples=80, deadline=None)


def column(target_type: str, rules: dict[StorageClass, str] = NUMBERS, **changes: Any) -> Any:
    kind = ValueKind.UUID if target_type == "uuid" else ValueKind.NUMERIC
    return ColumnPlan("c", "c", "decimal", target_type, kind, rules, "", **changes)


def raw(values: list[Any]) -> RawBatch:
    def slot(kind: type, type_: pa.DataType) -> pa.Array:
        return pa.array([value if isinstance(value, kind) else None for value in values], type_)

    slots = {INTEGER: slot(int, pa.int64()), REAL: slot(float, pa.float64()), TEXT: slot(str, pa.string())}
    present = {name: array for name, array in slots.items() if array.null_count < len(values)}
    return RawBatch((pa.array(range(len(values))),), {"c": present}, len(values))


def converted(values: list[Any], column_plan: Any, *, packed: bool) -> Converted:
    return Converter([column_plan], Context(), packed=packed).convert(raw(values))


def numbers(found: Converted) -> list[Decimal | None]:
    return [
        None if value is None else Decimal(value)
        for value in found.batch.column(0).cast(pa.string()).to_pylist()
    ]


@pytest.mark.parametrize("target_type", TYPES)
@quick
@given(values=st.lists(VALUES, max_size=6))
def test_packed_numbers_are_those_that_are_printed(target_type: str, values: list[Any]) -> None:
    printed = converted(values, column(target_type), packed=False)
    packed = converted(values, column(target_type), packed=True)
    assert packed.batch.schema.field(0).type == packed_type(column(target_type))
    assert numbers(packed) == numbers(printed)
    assert (packed.rejections, packed.transforms, packed.lost) == (
        printed.rejections,
        printed.transforms,
        printed.lost,
    )


@quick
@given(
    values=st.lists(
        st.integers(-(10**10) + 1, 10**10 - 1)
        | st.integers(-(10**12), 10**12).map(lambda cents: cents / 100),
        max_size=6,
    )
)
def test_whole_prices_read_as_doubles_are_the_same_numbers(values: list[Any]) -> None:
    apart = converted(values, column("numeric(12,2)"), packed=True)
    together = converted([float(value) for value in values], column("numeric(12,2)"), packed=True)
    assert numbers(together) == numbers(apart)
    assert len(together.rejections) == len(apart.rejections)


def profile(low: int, high: int, **counts: int) -> ColumnProfile:
    found = {StorageClass[name]: count for name, count in counts.items()}
    return ColumnProfile(counts=found, int_min=low, int_max=high)


@pytest.mark.parametrize(
    ("target_type", "found", "read"),
    [
        ("numeric(12,2)", profile(-5, 9_999_999_999, INTEGER=2, REAL=2, NULL=1), (REAL,)),
        ("numeric(12,2)", profile(-5, 10_000_000_000, INTEGER=2, REAL=2), (INTEGER, REAL)),
        ("numeric(12,2)", profile(-10_000_000_000, 5, INTEGER=2, REAL=2), (INTEGER, REAL)),
        ("numeric(12,2)", profile(0, 5, INTEGER=2, REAL=2, TEXT=1), (INTEGER, REAL, TEXT)),
        ("numeric(12,2)", profile(0, 5, INTEGER=2), (INTEGER,)),
        ("numeric(18,2)", profile(0, 10**13, INTEGER=2, REAL=1), (INTEGER, REAL)),
        ("numeric(18,2)", profile(0, 10**13 - 1, INTEGER=2, REAL=1), (REAL,)),
        ("numeric(19,2)", profile(0, 5, INTEGER=2, REAL=1), (INTEGER, REAL)),
        ("numeric", profile(0, 5, INTEGER=2, REAL=1), (INTEGER, REAL)),
        ("numeric(2,-3)", profile(0, 5, INTEGER=2, REAL=1), (INTEGER, REAL)),
        ("numeric(2,3)", profile(0, 0, INTEGER=2, REAL=1), (INTEGER, REAL)),
        ("numeric(18,7)", profile(0, 0, INTEGER=2, REAL=1), (INTEGER, REAL)),
    ],
)
def test_classes_are_read_as_one_where_no_digit_can_be_lost(
    target_type: str, found: ColumnProfile, read: tuple[StorageClass, ...]
) -> None:
    assert classes_to_read(column(target_type), found) == read


def test_classes_that_mean_something_are_told_apart() -> None:
    found = profile(0, 5, INTEGER=2, REAL=2)
    untyped = ColumnPlan("c", "c", "", "numeric(12,2)", ValueKind.NUMERIC, NUMBERS, "")
    assert packed_type(untyped) is None
    assert classes_to_read(untyped, found) == (INTEGER, REAL)
    rules = {INTEGER: "a", REAL: "b"}
    doubles = ColumnPlan("c", "c", "double", "double precision", ValueKind.FLOAT64, rules, "")
    assert classes_to_read(doubles, found) == (INTEGER, REAL)
    assert classes_to_read(column("numeric(12,2)", {REAL: "real_to_numeric"}), found) == (INTEGER, REAL)


def test_texts_keep_their_digits() -> None:
    assert packed_type(column("numeric(12,2)", {**NUMBERS, TEXT: "text_to_numeric"})) is None


IDS = [str(uuid.UUID(int=number)) for number in (0, 1, 2**127, 2**128 - 1)]


@pytest.mark.parametrize("values", [IDS, [None, *IDS, None], [None], []])
def test_uuids_are_their_bytes(values: list[str | None]) -> None:
    expected = [None if value is None else uuid.UUID(value).bytes for value in values]
    packed = pack_uuids(pa.array(values, pa.string()))
    assert packed.to_pylist() == expected
    assert pack_uuids(packed).equals(packed)
    assert pack_uuids(pa.array(expected, pa.binary())).equals(packed)
    first, second = words_of(packed)
    words = [None if one is None else (one[:8], one[8:]) for one in expected]
    halves = [
        None
        if one is None
        else (one.to_bytes(8, "little", signed=True), other.to_bytes(8, "little", signed=True))
        for one, other in zip(first.to_pylist(), second.to_pylist(), strict=True)
    ]
    assert halves == words


def test_part_of_an_array_is_packed_alone() -> None:
    values = pa.array([*IDS, None, IDS[1]], pa.string())
    whole = pack_uuids(values)
    assert pack_uuids(values.slice(2, 3)).to_pylist() == whole.to_pylist()[2:5]
    assert [words.to_pylist() for words in words_of(whole.slice(1, 4))] == [
        words.to_pylist()[1:5] for words in words_of(whole)
    ]


@pytest.mark.parametrize("wrong", [IDS[0][:-1], IDS[0] + "0", "x" * 36, ""])
def test_text_that_is_no_uuid_is_a_fault_of_ours(wrong: str) -> None:
    with pytest.raises(InternalError, match="uuid"):
        pack_uuids(pa.array([wrong]))


@pytest.mark.parametrize("text", ["1.234", "184467440737095516170", "9" * 17, "0.001", "9" * 60])
def test_number_that_does_not_fit_its_plan_is_a_fault_of_ours(text: str) -> None:
    with pytest.raises(InternalError, match="numeric"):
        pack(pa.array([text]), pa.decimal64(18, 2))


def test_packed_numbers_count_their_last_digit() -> None:
    assert units_of(pack(pa.array(["5", "-0.05", None]), pa.decimal64(18, 2))).to_pylist() == [500, -5, None]
