"""Doubles of a source beside numerics of the target: equal if the numeric, cast to a double, is that very double.

0.1 is sent as 0.1, and whoever has loaded the table may have written all 55 digits of the same double. Only rows that
seem to differ are worth this look, since most numerics are the doubles' shortest spellings already.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.repeated_values import find_repeats
from migration.value_conversion.rules.number_rules import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from migration.model import ColumnPlan, ColumnProfile, TablePlan

_SHORT: Final = 16
"""So many characters hold at most 15 digits, which every double gives back."""
_INTEGERS: Final = range(-(2**63), 2**63)


def doubles_in(plan: TablePlan, profiles: Mapping[str, ColumnProfile]) -> tuple[ColumnPlan, ...]:
    """Return the columns of numerics whose source holds doubles, and no texts, which may have more digits."""
    return tuple(
        column
        for column in plan.copied_columns
        if column.kind is ValueKind.NUMERIC
        and {StorageClass.REAL}
        <= set(profiles[column.name].classes)
        <= {StorageClass.REAL, StorageClass.INTEGER}
    )


def as_doubles(
    batches: Iterator[pa.RecordBatch],
    columns: Collection[ColumnPlan],
    profiles: Mapping[str, ColumnProfile],
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of one side with each numeric as the shortest spelling of its double.

    Where integers stand beside the doubles, whole numbers stay: an integer has more digits than a double.
    """
    for batch in batches:
        spelled = batch
        for column in columns:
            position = batch.schema.get_field_index(column.name)
            has_integers = bool(profiles[column.name].count(StorageClass.INTEGER))
            values = _spelled(batch.column(position), keeps_whole=has_integers)
            spelled = spelled.set_column(position, batch.schema.field(position), values)
        yield spelled


def _spelled(values: pa.Array, *, keeps_whole: bool) -> pa.Array:
    long = pc.greater(pc.utf8_length(values), _SHORT).fill_null(False)
    if not long.true_count:
        return values
    repeated = find_repeats(values.filter(long))
    found = [_shortest(text, keeps_whole=keeps_whole) for text in repeated.values.to_pylist()]
    return pc.replace_with_mask(values, long, repeated.spread(pa.array(found, pa.string())))


def _shortest(text: str, *, keeps_whole: bool) -> str:
    number = Decimal(text)
    if keeps_whole and number in _INTEGERS:
        return text
    # Beyond the largest double, a cast is refused by the server: such a numeric is no double's.
    double = float(number)
    return (
        text if double in {float("inf"), float("-inf")} else plain(Decimal(repr(double).removesuffix(".0")))
    )
