"""A batch of rows as SQLite stores them, before any decision about types; and how many rows it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from migration.model import ColumnProfile, StorageClass

BATCH_BYTES: Final = 32 * 1024 * 1024
"""Upper bound of what a batch may hold if every value were as long as the longest of its column."""
_USUAL_BYTES: Final = 2 * 1024 * 1024
_USUAL_ROWS: Final = 8_192
"""Smaller batches cost more calls, larger ones do not stay in the caches of a core (docs/scaling.md)."""
_NUMBER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class RawBatch:
    """One batch of one table. Every array has `rows` elements.

    A value stands in the slot of its own storage class, so that no reader ever coerces it; in a row, at most one
    slot of a column is non-null, and a row whose slots are all null holds NULL. A class that is missing from a
    column's slots does not occur in it. Arrow types by class: int64, double, string (possibly not UTF-8), binary.
    """

    keys: tuple[pa.Array, ...]
    """Identity of each row: the rowid, or the primary key values of a WITHOUT ROWID table."""
    slots: Mapping[str, Mapping[StorageClass, pa.Array]]
    """Column name → storage class → values."""
    rows: int

    def take(self, rows: pa.Int64Array) -> RawBatch:
        """Return some rows of the batch, by their places in it."""
        return RawBatch(
            keys=tuple(part.take(rows) for part in self.keys),
            slots={
                name: {storage_class: values.take(rows) for storage_class, values in slots.items()}
                for name, slots in self.slots.items()
            },
            rows=len(rows),
        )


def batch_rows(wanted: int | None, columns: Iterable[ColumnProfile], most_bytes: int = BATCH_BYTES) -> int:
    """Return how many rows a batch has, so that its bytes stay bounded however long the values are.

    Args:
        wanted: what the user asks for; None: about 2 MB of rows.
        columns: the profiles of the columns that are read.
        most_bytes: what a batch may hold if every value were as long as the longest of its column.
    """
    longest_row = usual_row = _NUMBER_BYTES  # a key, where there is no column
    for column in columns:
        longest_row += max(column.longest_bytes, _NUMBER_BYTES)
        usual_row += column.total_bytes // max(sum(column.counts.values()), 1)
    rows = min(_USUAL_ROWS, _USUAL_BYTES // usual_row) if wanted is None else wanted
    return max(1, min(rows, most_bytes // longest_row))
