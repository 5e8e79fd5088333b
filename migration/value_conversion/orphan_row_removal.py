"""Takes orphan rows out of a batch, or their references away, before its values are converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from migration.errors import InternalError
from migration.mapping_file_model import OnOrphan
from migration.model import Orphans, Rejection, StorageClass
from migration.source_schema import SourceTable
from migration.value_conversion.orphan_row_policy import orphan_reason
from migration.value_conversion.raw_batch import RawBatch
from migration.value_conversion.row_conversion import key_value, original_bytes, stored_value
from migration.value_conversion.row_key import Key, storable_key

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Parted:
    """A batch without what points nowhere. The arrays have an element for each row of the batch."""

    batch: RawBatch
    """With NULL in the place of what `set-null` takes away."""
    leaving: pa.BooleanArray | None
    """The rows that go to the quarantine; None: none does."""
    rejections: tuple[Rejection, ...]
    """What the quarantine is to keep of these."""
    nulled: tuple[tuple[str, pa.BooleanArray], ...]
    """(column, rows in which it lost its value)."""


class OrphanRows:
    """The orphan rows of one chunk, or of several, told by their keys.

    Args:
        table: the child, as declared.
        marked: what was found in it.
    """

    def __init__(self, table: SourceTable, marked: Sequence[Orphans]) -> None:
        self._table = table
        self._marked = [(orphans, _Keys(table, orphans.keys)) for orphans in marked]
        self._expected = sum(len(orphans.keys) for orphans in marked)
        self._seen = 0

    def part(self, raw: RawBatch) -> Parted:
        """Find the orphan rows of one batch."""
        leaving: pa.BooleanArray | None = None
        rejections: list[Rejection] = []
        nulled: list[tuple[str, pa.BooleanArray]] = []
        batch = raw
        for orphans, keys in self._marked:
            rows = keys.among(raw)
            count = rows.true_count
            if not count:
                continue
            self._seen += count
            if orphans.action is OnOrphan.QUARANTINE:
                leaving = rows if leaving is None else pc.or_(leaving, rows)
                rejections += _rejections(raw, orphans, pc.indices_nonzero(rows).to_pylist())
                continue
            for name in orphans.columns:
                had = pc.and_(rows, _present(batch.slots[name], raw.rows))
                batch = _without(batch, name, rows)
                nulled.append((name, had))
        return Parted(batch, leaving, tuple(rejections), tuple(nulled))

    def check(self) -> None:
        """Make sure, after the last batch, that every key has named one row.

        Raises:
            PermanentError: two rows of a WITHOUT ROWID table read alike, such as the keys 1 and '1'.
        """
        if self._seen != self._expected:
            raise InternalError(
                f"{self._expected} rows have no parent, but {self._seen} were found by their keys",
                table=self._table.name,
                remedy='Leave the table\'s orphan rows where they are: on_orphan = "not-valid" in a mapping file',
            )


class _Keys:
    def __init__(self, table: SourceTable, keys: Sequence[Key]) -> None:
        self._by_rowid = table.rowid_name is not None
        self._rowids = pa.array([key[0] for key in keys] if self._by_rowid else [], pa.int64())
        self._keys = frozenset() if self._by_rowid else frozenset(keys)

    def among(self, raw: RawBatch) -> pa.BooleanArray:
        """Return which rows of a batch have one of the keys."""
        if self._by_rowid:
            return pc.is_in(raw.keys[0], value_set=self._rowids)
        found = [
            storable_key([key_value(part, row) for part in raw.keys]) in self._keys for row in range(raw.rows)
        ]
        return pa.array(found, pa.bool_())


def _present(slots: Mapping[StorageClass, pa.Array], rows: int) -> pa.BooleanArray:
    present = pa.array([False] * rows, pa.bool_())
    for values in slots.values():
        present = pc.or_(present, values.is_valid())
    return present


def _without(batch: RawBatch, name: str, rows: pa.BooleanArray) -> RawBatch:
    slots = {
        storage_class: pc.if_else(rows, pa.scalar(None, values.type), values)
        for storage_class, values in batch.slots[name].items()
    }
    return replace(batch, slots={**batch.slots, name: slots})


def _rejections(raw: RawBatch, orphans: Orphans, rows: Sequence[int]) -> Iterator[Rejection]:
    reason = orphans.reason or orphan_reason(orphans.parent)
    for row in rows:
        key = tuple(key_value(part, row) for part in raw.keys)
        for name in orphans.columns:
            for storage_class, values in raw.slots[name].items():
                value = stored_value(values, row)
                if value is not None:
                    yield Rejection(key, name, storage_class, original_bytes(value), reason)
