"""The values of keys in the form in which PostgreSQL's foreign keys compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import ColumnPlan, ValueKind
from migration.validation.canonical_form import canonical_array

_INTEGERS: Final = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_FLOATS: Final = frozenset({ValueKind.FLOAT32, ValueKind.FLOAT64})
_SPELLED: Final = frozenset({ValueKind.NUMERIC, ValueKind.TEXT, ValueKind.JSON, ValueKind.UUID})
_PLAIN: Final[Mapping[ValueKind, pa.DataType]] = {
    ValueKind.BYTES: pa.binary(),
    ValueKind.BOOL: pa.bool_(),
    ValueKind.DATE: pa.date32(),
    ValueKind.TIME: pa.time64("us"),
    ValueKind.TIMESTAMP: pa.timestamp("us"),
    ValueKind.TIMESTAMPTZ: pa.timestamp("us"),
}


def compared(values: pa.Array, plan: ColumnPlan, parent: ColumnPlan) -> pa.Array:
    """Return values of a column in the form in which a parent's column is compared with them."""
    kind = parent.kind
    if kind in _INTEGERS:
        return pc.cast(values, pa.int64())
    if kind in _FLOATS:
        wide = _as_double(values, plan.kind)
        if kind is ValueKind.FLOAT32 and plan.kind not in _FLOATS:
            wide = pc.cast(pc.cast(wide, pa.float32(), safe=False), pa.float64())
        return pc.add(wide, 0.0)  # -0.0 and 0.0 are equal to both
    if kind is ValueKind.NUMERIC and plan.kind in _INTEGERS:
        return pc.cast(values, pa.string())
    if kind in _SPELLED:  # the blanks of a char(n) count on neither side
        return canonical_array(canonical_array(values, plan), parent)
    return pc.cast(values, _PLAIN[kind])


def _as_double(values: pa.Array, kind: ValueKind) -> pa.Array:
    if kind is not ValueKind.NUMERIC:
        return pc.cast(values, pa.float64(), safe=False)
    return pa.array([None if value is None else float(value) for value in values.to_pylist()], pa.float64())


def sql_type(kind: ValueKind) -> str:
    """Return DuckDB's type for what `compared` gives."""
    if kind in _INTEGERS:
        return "BIGINT"
    if kind in _FLOATS:
        return "DOUBLE"
    if kind in _SPELLED:
        return "VARCHAR"
    if kind in {ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ}:
        return "TIMESTAMP"
    return {
        ValueKind.BYTES: "BLOB",
        ValueKind.BOOL: "BOOLEAN",
        ValueKind.DATE: "DATE",
        ValueKind.TIME: "TIME",
    }[kind]


def as_text(column: str, kind: ValueKind) -> str:
    """Return DuckDB's expression for a value of `compared`, as PostgreSQL reads it."""
    if kind is ValueKind.BYTES:
        return f"'\\x' || hex({column})"
    if kind is ValueKind.TIMESTAMPTZ:
        return f"{column}::VARCHAR || '+00'"
    return f"{column}::VARCHAR"
