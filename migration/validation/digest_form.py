"""The form of rows in which they are hashed for a run's own proof: equal exactly where the canonical forms are.

What is long as text and short as a number is hashed as the number: a decimal is the millionths that it has, and a UUID
two words of 64 bits. A decimal of more digits stays the text that it is in canonical form. Which one it is says the
value alone, not its column's type nor how a side gives it; so both sides agree, and digests of parts add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import ValueKind
from migration.validation.canonical_form import canonical_array, flat
from migration.value_conversion.declared_meaning import keeps_scale
from migration.value_conversion.packed_values import (
    MOST_DECIMALS,
    pack_uuids,
    parse_decimals,
    units_of,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.model import ColumnPlan

    Values: TypeAlias = "pa.Array[Any]"

_WHOLE_DIGITS: Final = 12
_MILLIONTHS: Final = pa.decimal64(_WHOLE_DIGITS + MOST_DECIMALS, MOST_DECIMALS)
_HAS_MILLIONTHS: Final = f"^-?[0-9]{{1,{_WHOLE_DIGITS}}}(\\.[0-9]{{1,{MOST_DECIMALS}}})?$"
"""Of a canonical decimal."""
_NO_TEXTS: Final = pa.scalar(None, pa.string())


def digest_table(table: pa.Table, columns: Sequence[ColumnPlan]) -> pa.Table:
    """Return the table's columns as they are hashed; a column may be two.

    Args:
        table: logical values (value_kinds.ARROW_TYPES) or packed ones; holds a column `ColumnPlan.name` for each of
            `columns`.
        columns: the columns to keep.

    Returns:
        Columns c0, c1, ... of type int64, string or binary; a column `none` of NULLs where `columns` is empty.
    """
    if not columns:
        return pa.table({"none": pa.nulls(table.num_rows, pa.int64())})
    # By position where it can be: SQLite's names may repeat once their case is ignored, and positions are cheaper.
    names = table.schema.names
    arrays = [
        part for column in columns for part in _parts(flat(table.column(names.index(column.name))), column)
    ]
    return pa.Table.from_arrays(arrays, names=[f"c{position}" for position in range(len(arrays))])


def _parts(array: Values, column: ColumnPlan) -> tuple[Values, ...]:
    if column.kind is ValueKind.UUID:
        return words_of(pack_uuids(array))
    if column.kind is ValueKind.NUMERIC and not keeps_scale(column):
        return _of_packed(array, column) if pa.types.is_decimal(array.type) else _of_texts(array, column)
    return (canonical_array(array, column),)


def _of_packed(array: Values, column: ColumnPlan) -> tuple[Values, Values]:
    """Return packed decimals in millionths, which most are already, but for a factor."""
    scale = array.type.scale
    units = units_of(array)
    largest = pc.max(pc.abs(units)).as_py() or 0
    if 0 <= largest < 10 ** (_WHOLE_DIGITS + scale):
        return pc.multiply(units, 10 ** (MOST_DECIMALS - scale)), pa.repeat(_NO_TEXTS, len(array))
    return _of_canonical(canonical_array(array, column))


def _of_texts(array: Values, column: ColumnPlan) -> tuple[Values, Values]:
    """Return decimals in millionths, or where one is not, as text: the other of the two is null."""
    millionths = parse_decimals(array, _MILLIONTHS)
    if millionths is None:
        return _of_canonical(canonical_array(array, column))
    return units_of(millionths), pa.repeat(_NO_TEXTS, len(array))


def _of_canonical(texts: Values) -> tuple[Values, Values]:
    has_millionths = pc.match_substring_regex(texts, _HAS_MILLIONTHS)
    millionths = pc.if_else(has_millionths, texts, _NO_TEXTS).cast(_MILLIONTHS)
    return units_of(millionths), pc.if_else(has_millionths, _NO_TEXTS, texts)
