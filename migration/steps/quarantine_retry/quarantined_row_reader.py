"""The quarantined rows of one chunk, read again from the snapshot and converted by the plan of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from migration.convoy_error import NextStep
from migration.errors import AmbiguousKeyError
from migration.ledger.chunk_records import ChunkRecord
from migration.model import ColumnProfile, Digest, IfExists, KeyRange, Mode, Rejection, TablePlan
from migration.report.next_commands import repeat
from migration.run_options import RunOptions
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source_schema import SourceTable
from migration.validation.loss_count import LossCount
from migration.validation.row_digest import DigestSum
from migration.validation.server_casts import ServerCasts
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.batch_size import batch_rows
from migration.value_conversion.raw_batch import RawBatch
from migration.value_conversion.row_conversion import key_value
from migration.value_conversion.row_key import Key, storable_key

_LOOKED_UP = 200
"""Up to so many rows are looked up one by one; for more, the chunk is read."""
_SMALLEST_ROWID = -(2**63)


@dataclass(frozen=True, slots=True)
class ReplayTable:
    """How a table is read and converted now.

    `profile` says which storage classes its columns hold, `options` has the mapping file of today, and `standing` is
    the plan by which the other rows of the table were converted.
    """

    declared: SourceTable
    plan: TablePlan
    profile: Mapping[str, ColumnProfile]
    context: Context
    options: RunOptions
    standing: TablePlan


class ChunkReplay:
    """One pass over the quarantined rows of a chunk.

    Args:
        reader: of the snapshot.
        table: what to make of the rows.
        chunk: the chunk that they are in.
        wanted: the keys of the rows; every other row of the chunk is left alone.
        left_out: keys of rows that stay in quarantine although their values fit.
        casts: tell how the server keeps values of types that only it knows; None: that is not asked.
    """

    def __init__(
        self,
        reader: SnapshotReader,
        table: ReplayTable,
        chunk: ChunkRecord,
        wanted: Mapping[Key, Any],
        left_out: frozenset[Key] = frozenset(),
        casts: ServerCasts | None = None,
    ) -> None:
        self._reader = reader
        self._table = table
        self._chunk = chunk
        self._wanted = wanted
        self._left_out = left_out
        self._rowids = pa.array([k[0] for k in wanted if k and isinstance(k[0], int)], pa.int64())
        self._columns = table.plan.copied_columns
        # Without the profile: it may know nothing of rows that a mapping file now sees in another way.
        self._converter = Converter(
            self._columns, table.context, standing={column.name: column for column in table.standing.columns}
        )
        self._casts = casts
        self._digest = DigestSum()
        self._seen: Counter[Key] = Counter()
        self.kept: list[Key] = []
        """Keys of the rows that fit, in the order of the batches."""
        self.transforms: Counter[tuple[str, str]] = Counter()
        self.losses = LossCount()
        """What cannot be had back of the values of these rows."""

    def batches(self) -> Iterator[tuple[pa.RecordBatch, Sequence[Rejection]]]:
        """Yield the rows that fit, and with each batch the values that do not.

        Raises:
            AmbiguousKeyError: a key names several rows, so that nobody can say which of them is in quarantine.
        """
        for raw in self._raw():
            keys, batch = self._chosen(raw)
            if not keys:
                continue
            converted = self._converter.convert(batch)
            refused = {storable_key(rejection.key) for rejection in converted.rejections}
            self.kept.extend(key for key in keys if key not in refused)
            self.transforms.update(converted.transforms)
            cast = self._casts.apply(converted.batch).lost if self._casts is not None else ()
            self.transforms.update(Counter((column, loss) for _, column, loss in cast))
            self.losses.add(batch, converted, cast)
            self._digest.add(converted.batch, self._columns)
            yield converted.batch, converted.rejections

    def digest(self) -> Digest:
        """Return the digest of the rows that fit, once all batches are through."""
        return self._digest.digest()

    def _raw(self) -> Iterator[RawBatch]:
        table = self._table
        names = [column.name for column in self._columns]
        classes = {name: table.profile[name].classes for name in names}
        size = batch_rows(table.options.batch_rows, table.profile.values())
        for key_range in self._ranges():
            yield from self._reader.batches(table.declared, classes, key_range, size)

    def _ranges(self) -> list[KeyRange]:
        name = self._table.declared.rowid_name
        if name is None or len(self._wanted) > _LOOKED_UP:
            return [self._chunk.key_range]
        return [
            KeyRange((name,), None if rowid == _SMALLEST_ROWID else (str(rowid - 1),), (str(rowid),))
            for rowid in sorted(self._rowids.to_pylist())
        ]

    def _chosen(self, raw: RawBatch) -> tuple[list[Key], RawBatch]:
        """Return the wanted rows of a batch, and their keys."""
        candidates = range(raw.rows)
        if self._table.declared.rowid_name is not None:
            candidates = pc.indices_nonzero(pc.is_in(raw.keys[0], value_set=self._rowids)).to_pylist()
        at: list[int] = []
        keys: list[Key] = []
        for row in candidates:
            key = storable_key([key_value(part, row) for part in raw.keys])
            if key not in self._wanted or not key:
                continue
            self._seen[key] += 1
            if self._seen[key] > 1:
                table = self._table.declared.name
                again = replace(self._table.options, tables=(table,), if_exists=IfExists.REPLACE)
                command = repeat(again, Mode.MIGRATE)
                raise AmbiguousKeyError(
                    f"The key {', '.join(map(str, key))} names several rows, and the quarantine holds one of them",
                    remedy=f"Migrate the table again, from its source: `{command}`",
                    next_steps=(NextStep("Migrate the table again, from its source", command),),
                    table=table,
                    key=", ".join(map(str, key)),
                )
            if key not in self._left_out:
                at.append(row)
                keys.append(key)
        return keys, raw.take(pa.array(at, pa.int64()))
