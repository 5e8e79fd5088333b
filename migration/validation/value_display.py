"""Values as a person reads them in a finding: short, and never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from migration.model import ColumnPlan, ValueKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST: Final = 60
_MOST_COLUMNS: Final = 8
_QUOTED: Final = frozenset({ValueKind.TEXT, ValueKind.JSON, ValueKind.UUID})


def show_values(array: pa.Array[Any], column: ColumnPlan) -> list[str]:
    """Return each value as short text: quoted if it is text, hexadecimal if bytes, or NULL."""
    if column.kind is ValueKind.BYTES:
        return [
            "NULL" if value is None else f"\\x{_short(value.hex(), len(value), 'bytes')}"
            for value in array.to_pylist()
        ]
    if column.kind in _QUOTED:
        return [
            "NULL" if value is None else f"'{_short(value, len(value), 'characters')}'"
            for value in array.to_pylist()
        ]
    try:
        values = (
            array.to_pylist() if pa.types.is_floating(array.type) else array.cast(pa.string()).to_pylist()
        )
    except (pa.ArrowInvalid, ValueError):  # a date beyond Arrow's calendar
        values = array.view(pa.int32() if pa.types.is_date32(array.type) else pa.int64()).to_pylist()
    return ["NULL" if value is None else str(value) for value in values]


def show_row(columns: Sequence[ColumnPlan], values: Sequence[str]) -> str:
    """Return ``a = 1, b = 'x'`` for the first columns of a row."""
    pairs = [f"{column.name} = {value}" for column, value in zip(columns, values, strict=True)]
    more = f", and {len(pairs) - _MOST_COLUMNS} more columns" if len(pairs) > _MOST_COLUMNS else ""
    return ", ".join(pairs[:_MOST_COLUMNS]) + more


def _short(text: str, size: int, unit: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({size:,} {unit})"
