"""The values of keys in the form in which PostgreSQL's foreign keys compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import ColumnPlan, ValueKind
from migration.validation.canonical import canonical_array

_INTEGERS: Final = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_FLOATS: Final = frozenset({ValueKind.FLOAT32, ValueKind.FLOAT64})
_SPELLED: Final = frozenset({ValueKind.NUMERIC, ValueKind.TEXT, ValueKind.JSON})
_PLAIN: Final[Mapping[ValueKind, pa.DataType]] = {
    ValueKind.BYTES: pa.binary(),
    ValueKind.BOOL: pa.bool_(),
    ValueKind.DATE: pa.date32(),
    ValueKind.TIME: pa.time64("us"),
    ValueKind.TIMESTAMP: pa.timestamp("us"),
    ValueKind.TIMESTAMPTZ: pa.timestamp("us"),
}


def compared(values: pa.Array, plan: ColumnPlan, kind: ValueKind) -> pa.Array:
    """Return values in the form in which a column of `kind` is compared with them."""
    if kind in _INTEGERS:
        return pc.cast(values, pa.int64())
    if kind in _FLOATS:
        return pc.add(pc.cast(values, pa.float64(), safe=False), 0.0)  # -0.0 and 0.0 are equal to both
    if kind is ValueKind.NUMERIC and plan.kind in _INTEGERS:
        return pc.cast(values, pa.string())
    if kind in _SPELLED:
        return canonical_array(values, plan)
    return pc.cast(values, _PLAIN[kind])


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
