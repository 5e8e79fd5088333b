"""A batch of rows as SQLite stores them, before any decision about types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from migration.model import StorageClass


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
