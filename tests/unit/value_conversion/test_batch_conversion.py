from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from migration.model import ColumnPlan, ColumnProfile, StorageClass, ValueKind
from migration.value_conversion.batch_conversion import Context, Converter, convert
from migration.value_conversion.value_kinds import kind_of
from tests.support.column_factories import plan, raw, slots


def column(target_type: str, rules: dict[StorageClass, str], name: str = "c", **more: bool) -> ColumnPlan:
    return ColumnPlan(name, name, "", target_type, kind_of(target_type), rules, "", **more)


MIXED = {
    StorageClass.TEXT: "text_strip_nul",
    StorageClass.INTEGER: "integer_to_text",
    StorageClass.REAL: "real_to_text",
    StorageClass.BLOB: "blob_to_text",
}


def test_classes_of_a_column_come_together_in_row_order() -> None:
    converted = convert(raw(c=[1, 2.5, "a", b"b", None]), [column("text", MIXED)], Context())
    assert converted.batch.column("c").to_pylist() == ["1", "2.5", "a", "b", None]
    assert converted.transforms == {
        ("c", "integer_to_text"): 1,
        ("c", "real_to_text"): 1,
        ("c", "blob_to_text"): 1,
        ("c", "class_dropped"): 3,  # 1 and '1' are one text now
    }


def test_rejected_row_leaves_with_key_class_original_and_reason() -> None:
    converted = convert(
        raw(c=["a", b"\xff", "c"], d=[1, 2, 3]),
        [column("text", MIXED), plan("integer_to_int64", "bigint", "d")],
        Context(),
    )
    assert converted.batch.to_pydict() == {"c": ["a", "c"], "d": [1, 3]}
    (rejection,) = converted.rejections
    assert (rejection.key, rejection.column, rejection.storage_class) == ((2,), "c", StorageClass.BLOB)
    assert rejection.original == b"\xff"
    assert rejection.reason == "blob is not valid UTF-8 text"
    assert converted.rows_rejected == 1


def test_row_with_two_bad_values_counts_once_and_tells_both() -> None:
    columns = [plan("integer_to_int16", "smallint", "c"), plan("text_to_date", "date", "d")]
    converted = convert(raw(c=[1, 10**6], d=["2024-01-01", "soon"]), columns, Context())
    assert converted.rows_rejected == 1
    assert {r.column for r in converted.rejections} == {"c", "d"}


def test_transforms_count_loaded_rows_only() -> None:
    columns = [column("text", MIXED), plan("integer_to_int16", "smallint", "d")]
    converted = convert(raw(c=["a\0", "b\0", "c"], d=[10**6, 1, 2]), columns, Context())
    assert converted.batch.column("c").to_pylist() == ["b", "c"]
    assert converted.transforms == {("c", "nul_stripped"): 1}


def test_class_without_a_rule_is_rejected() -> None:
    converted = convert(raw(c=[1, "x"]), [plan("integer_to_int64", "bigint")], Context())
    assert converted.batch.column("c").to_pylist() == [1]
    assert converted.rejections[0].reason == "text value in a column of type bigint"


def test_text_that_is_not_utf8_keeps_its_original_bytes() -> None:
    batch = raw(c=["ok", "ok"])
    batch = type(batch)(batch.keys, {"c": {StorageClass.TEXT: _not_utf8()}}, 2)
    converted = convert(batch, [plan("text_to_text", "text")], Context())
    assert converted.batch.column("c").to_pylist() == ["ok"]
    assert converted.rejections[0].original == b"\xe9t\xe9"


def _not_utf8() -> pa.Array:
    binary = pa.array([b"ok", b"\xe9t\xe9"], pa.binary())
    return pa.Array.from_buffers(pa.string(), 2, binary.buffers())


def test_null_where_the_target_allows_none_is_rejected() -> None:
    converted = convert(raw(c=[1, None]), [plan("integer_to_int64", "bigint", not_null=True)], Context())
    assert converted.rows_rejected == 1
    assert converted.rejections[0].storage_class is StorageClass.NULL


def test_empty_text_becomes_null_and_is_counted() -> None:
    converted = convert(raw(c=["", "2024-01-01"]), [plan("text_to_date_or_null", "date")], Context())
    assert converted.batch.column("c")[0].as_py() is None
    assert converted.transforms == {("c", "empty_to_null"): 1}


@pytest.mark.parametrize(
    ("rule", "target_type", "value", "transform"),
    [
        ("text_to_bool", "boolean", "off", "text_to_boolean"),
        ("text_to_int64", "bigint", "12", "text_to_number"),
        ("text_to_float64", "double precision", "1.5", "text_to_number"),
        ("text_to_time", "time without time zone", "2000-01-01 10:00:00", "filler_day_dropped"),
    ],
)
def test_empty_texts_beside_others_hide_no_transform(
    rule: str, target_type: str, value: str, transform: str
) -> None:
    alone = convert(raw(c=[value, None, value]), [plan(rule, target_type)], Context())
    beside = convert(raw(c=[value, "", value]), [plan(f"{rule}_or_null", target_type)], Context())
    assert alone.transforms["c", transform] == 2
    assert beside.transforms == {**alone.transforms, ("c", "empty_to_null"): 1}


def test_column_without_slots_is_null() -> None:
    converted = convert(raw(c=[None, None]), [plan("integer_to_int32", "integer")], Context())
    assert converted.batch.schema.field("c").type == pa.int32()
    assert converted.batch.column("c").null_count == 2


def test_table_without_copied_columns_keeps_its_rows() -> None:
    converted = convert(raw(c=[1, 2]), [], Context())
    assert converted.batch.num_rows == 2


def test_infinity_stays_infinity_bit_for_bit() -> None:
    values = [float("inf"), float("-inf"), 5e-324, -0.0, 0.1]
    converted = convert(raw(c=values), [plan("real_to_float64", "double precision")], Context())
    assert converted.batch.column("c").equals(pa.array(values))


def test_double_becomes_numeric_with_its_shortest_digits() -> None:
    values = [0.1, 1e20, 1e-7, 5.0, 123456789012345.6, -0.0]
    converted = convert(raw(c=values), [plan("real_to_numeric", "numeric")], Context())
    assert converted.batch.column("c").to_pylist() == [
        "0.1", "100000000000000000000", "0.0000001", "5", "123456789012345.6", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "target_type", "values", "transforms"),
    [
        ("real_to_numeric", "numeric", ["0", "0", "0.5", None], {"negative_zero_to_zero": 1}),
        ("real_to_numeric", "numeric(4,2)", ["0", "0", "0.5", None], {"negative_zero_to_zero": 1}),
        ("real_to_json", "jsonb", ["-0.0", "0.0", "0.5", None], {"negative_zero_to_zero": 1}),
        ("real_to_text", "text", ["-0.0", "0.0", "0.5", None], {"real_to_text": 3}),
        ("real_to_bytes", "bytea", [b"-0.0", b"0.0", b"0.5", None], {"real_to_bytes": 3}),
        ("real_to_float64", "double precision", [-0.0, 0.0, 0.5, None], {}),
        ("real_to_float32", "real", [-0.0, 0.0, 0.5, None], {}),
    ],
)
def test_negative_zero_keeps_its_sign_or_is_counted(
    rule: str, target_type: str, values: list[Any], transforms: dict[str, int]
) -> None:
    converted = convert(raw(c=[-0.0, 0.0, 0.5, None]), [plan(rule, target_type)], Context())
    assert list(map(repr, converted.batch.column("c").to_pylist())) == list(map(repr, values))
    assert converted.transforms == {("c", name): count for name, count in transforms.items()}


def test_negative_zero_in_an_integer_column_is_a_whole_real() -> None:
    converted = convert(raw(c=[-0.0, 2.0]), [plan("real_to_int32", "integer")], Context())
    assert converted.batch.column("c").to_pylist() == [0, 2]
    assert converted.transforms == {("c", "real_to_integer"): 2, ("c", "negative_zero_to_zero"): 1}


def test_wall_clock_times_are_read_in_the_source_time_zone() -> None:
    rule = plan("text_to_timestamptz", "timestamp with time zone")
    texts = ["2024-07-01 12:00", "2024-11-03 01:30:00", "2024-03-10 02:30:00", "2024-07-01T12:00Z"]
    converted = convert(raw(c=texts), [rule], Context("America/New_York"))
    utc = [str(value.cast(pa.timestamp("us"))) for value in converted.batch.column("c")]
    assert utc == ["2024-07-01 16:00:00", "2024-11-03 05:30:00", "2024-07-01 12:00:00"]  # the first 01:30
    assert converted.rejections[0].reason == "the clock skipped this time in America/New_York"


def test_keys_of_a_table_without_rowid_are_readable() -> None:
    batch = raw(c=[1])
    keys = (pa.array(["k"]), pa.array([b"\xff\x00"]), pa.array([1.5]))
    converted = convert(
        type(batch)(keys, {"c": slots([10**6])}, 1), [plan("integer_to_int16", "smallint")], Context()
    )
    assert converted.rejections[0].key == ("k", "ff00", 1.5)


def test_every_kind_has_rules_that_end_in_it() -> None:
    from migration.value_conversion.rules import RULES, rules_for

    spellings = {
        ValueKind.INT16: "smallint", ValueKind.INT32: "integer", ValueKind.INT64: "bigint",
        ValueKind.FLOAT32: "real", ValueKind.FLOAT64: "double precision", ValueKind.NUMERIC: "numeric(10,2)",
        ValueKind.TEXT: "character varying(40)", ValueKind.BYTES: "bytea", ValueKind.BOOL: "boolean",
        ValueKind.DATE: "date", ValueKind.TIME: "time without time zone",
        ValueKind.TIMESTAMP: "timestamp without time zone",
        ValueKind.TIMESTAMPTZ: "timestamp(3) with time zone", ValueKind.JSON: "jsonb",
    }  # fmt: skip
    for kind, target_type in spellings.items():
        assert kind_of(target_type) is kind
        for storage_class, name in rules_for(target_type).items():
            assert (RULES[name].kind, RULES[name].storage_class) == (kind, storage_class)


@pytest.mark.parametrize(
    ("seen", "is_tried"),
    [
        ({"longest_chars": 3}, True),
        ({"longest_chars": 4}, False),
        ({"nul_texts": 1}, False),
        ({"bad_utf8_texts": 1}, False),
    ],
)
def test_texts_that_a_profile_has_measured_are_not_looked_at_again(
    seen: dict[str, int], is_tried: bool
) -> None:
    profile = {"c": ColumnProfile(counts={StorageClass.TEXT: 1}, **seen)}  # type: ignore[arg-type]
    # A text that the profile cannot have seen shows whether the rule was run.
    found = Converter([plan("text_to_text", "varchar(3)")], Context(), profile).convert(raw(c=["long"]))
    assert found.rows_rejected == (0 if is_tried else 1)


def test_document_that_a_profile_has_tried_is_not_parsed_again() -> None:
    columns = [plan("text_to_json", "jsonb")]
    # A profile that says so although it is not true shows that the rule was not run.
    tried = {"c": ColumnProfile(counts={StorageClass.TEXT: 1}, accepted={StorageClass.TEXT: 1})}
    untried = {"c": ColumnProfile(counts={StorageClass.TEXT: 2}, accepted={StorageClass.TEXT: 1})}
    assert Converter(columns, Context(), tried).convert(raw(c=["{"])).rows_rejected == 0
    assert Converter(columns, Context(), untried).convert(raw(c=["{"])).rows_rejected == 1
