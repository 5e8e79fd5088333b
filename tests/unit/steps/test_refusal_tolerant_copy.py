"""Which errors of a COPY speak of a row, and what the quarantine keeps of the rows that a server refused."""

from __future__ import annotations

import psycopg
import pyarrow as pa
import pytest

from migration.model import ColumnPlan, StorageClass, TablePlan, ValueKind
from migration.steps.refusal_tolerant_copy import part, refuses_a_row
from migration.target.application_tables.row_refusal_errors import Refusal
from migration.value_conversion.batch_conversion import Converted
from migration.value_conversion.raw_batch import RawBatch


@pytest.mark.parametrize(
    ("error", "is_refusal"),
    [
        (psycopg.errors.ProgramLimitExceeded("row is too big"), True),
        (psycopg.errors.StatementTooComplex("stack depth limit exceeded"), True),
        (psycopg.errors.NumericValueOutOfRange("out of range"), True),
        (psycopg.errors.CheckViolation("violates"), True),
        (psycopg.errors.InternalError_("invalid memory alloc request size 1200000064"), True),
        (psycopg.errors.InternalError_("cache lookup failed for type 17"), False),
        (psycopg.errors.InvalidBinaryRepresentation("incorrect binary data format"), False),
        (psycopg.errors.BadCopyFileFormat("unexpected EOF"), False),
        (psycopg.errors.DiskFull("no space"), False),
        (psycopg.errors.UndefinedTable("gone"), False),
        (psycopg.errors.AdminShutdown("terminated"), False),
        (psycopg.OperationalError("the connection is closed"), False),
    ],
)
def test_errors_that_speak_of_a_row(error: psycopg.Error, is_refusal: bool) -> None:
    assert refuses_a_row(error) is is_refusal


COLUMNS = tuple(ColumnPlan(name, name.upper(), "", "text", ValueKind.TEXT, {}, "") for name in ("a", "b"))
PLAN = TablePlan("app", "t", "s", "t", COLUMNS, "")
RAW = RawBatch(
    (pa.array([1, 2, 3, 4]),),
    {
        "a": {
            StorageClass.TEXT: pa.array(["1", "22", "333", None]),
            StorageClass.INTEGER: pa.array([None] * 3 + [7]),
        },
        "b": {StorageClass.TEXT: pa.array(["long", "longer", "x", None])},
    },
    4,
)


def converted(kept: list[bool] | None) -> Converted:
    empty = pa.RecordBatch.from_pydict({"a": pa.array([], pa.string())})
    return Converted(empty, (), 0, {}, None if kept is None else pa.array(kept))


def test_a_row_has_one_entry_with_its_longest_value() -> None:
    rest, rejections = part(RAW, converted(None), {1: Refusal("too big"), 2: Refusal("too big")}, PLAN)
    assert rest.keys[0].to_pylist() == [1, 4]
    assert [(r.key, r.column, r.original) for r in rejections] == [
        ((2,), "b", b"longer"),
        ((3,), "a", b"333"),
    ]


def test_places_count_in_the_rows_that_were_sent() -> None:
    rest, rejections = part(RAW, converted([False, True, False, True]), {1: Refusal("no", "", ("B",))}, PLAN)
    assert rest.keys[0].to_pylist() == [1, 2, 3]
    (entry,) = rejections
    assert (entry.key, entry.column, entry.storage_class, entry.original) == (
        (4,),
        "b",
        StorageClass.NULL,
        b"",
    )
