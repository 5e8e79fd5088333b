"""Rows that the application's constraints refused at the cutover: from where they wait back to their source.

A staged row knows no key, so the source is read again, and its rows are told by their hashes. That costs one more read
of a table in which something was refused, and nothing of any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from migration.errors import InternalError, PermanentError
from migration.ledger.chunk_records import read_chunk, read_loaded
from migration.ledger.quarantine_records import HeldChunk, add_rejections, hold_rows, loaded_chunks
from migration.ledger.run_results import read_digests, save_changed_rows
from migration.model import ColumnPlan, Digest, Rejection, ValueKind
from migration.settings import Settings
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.copy_step import rejected
from migration.steps.refused_values import refused_values
from migration.steps.step_context import PlannedTable, read_planned_table
from migration.target.application_tables.constraint_violation_queries import NUMBER
from migration.target.application_tables.data_only_cutover import RefusedRows
from migration.target.application_tables.row_refusal_errors import Refusal
from migration.target.loading.uncommitted_readback import read_uncommitted
from migration.target.sql_statements import driver_connection
from migration.validation.canonical_form import canonical_table
from migration.validation.row_digest import DigestSum, combine, difference
from migration.validation.row_hashing import hash_rows
from migration.validation.server_casts import ServerCasts, server_casts
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.batch_size import batch_rows
from migration.value_conversion.orphan_row_removal import OrphanRows
from migration.value_conversion.raw_batch import RawBatch

_Hash = tuple[int, int]
_NUMBERED = ColumnPlan("", NUMBER, "", "bigint", ValueKind.INT64, {}, "")


@dataclass(slots=True)
class _Found:
    """The refused rows of one batch of the source, and what is said of them."""

    digest: DigestSum = field(default_factory=DigestSum)
    rows: int = 0
    transforms: Counter[tuple[str, str]] = field(default_factory=Counter)


def quarantine_refused(
    connection: Connection,
    settings: Settings,
    run_id: str,
    table_id: int,
    staging_schema: str,
    refused: RefusedRows,
) -> None:
    """Put the refused rows of one table into the quarantine, in the transaction that loaded the others.

    Raises:
        InternalError: a refused row is not in the source.
    """
    _Return(connection, settings, run_id, table_id, staging_schema, refused).quarantine()


def stop_at_refused(
    connection: Connection,
    settings: Settings,
    run_id: str,
    table_id: int,
    staging_schema: str,
    refused: RefusedRows,
) -> PermanentError:
    """Return the error of a run that was to stop at the first row that cannot be stored."""
    return _Return(connection, settings, run_id, table_id, staging_schema, refused).error()


class _Return:
    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        run_id: str,
        table_id: int,
        staging_schema: str,
        refused: RefusedRows,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._run_id = run_id
        self._table: PlannedTable = read_planned_table(connection, run_id, table_id)
        self._columns = self._table.plan.copied_columns
        self._names = {column.target_name: column.name for column in self._columns}
        self._batch_rows = batch_rows(self._table.run.options.batch_rows, self._table.profile.values())
        self._converter = Converter(
            self._columns,
            Context(self._table.run.options.source_timezone, ask_server=ServerOpinion(connection.engine)),
            self._table.profile,
        )
        self._waiting, self._digest = self._read_waiting(staging_schema, refused)

    def quarantine(self) -> None:
        """Find the rows, keep their original bytes, and correct what the ledger says of their chunks."""
        rows = combine([])
        with self._reader() as reader:
            for chunk in loaded_chunks(self._connection, self._table.id):
                if not self._waiting:
                    break
                found = _Found()
                for rejections in self._chunk(reader, chunk, found):
                    add_rejections(self._connection, self._run_id, self._table.id, chunk.id, rejections)
                if found.rows:
                    gone = found.digest.digest()
                    rows = combine([rows, gone])
                    loaded = difference(chunk.loaded, gone)
                    hold_rows(self._connection, chunk.id, loaded, found.rows, found.transforms)
        if self._waiting or rows != self._digest:
            raise self._lost()
        stands = read_digests(self._connection, self._table.id)
        if stands is not None:
            source = combine(read_loaded(self._connection, self._table.id).digests)
            save_changed_rows(self._connection, self._table.id, source, difference(stands, self._digest))

    def error(self) -> PermanentError:
        """Return the error that names the first of the rows."""
        with self._reader() as reader:
            for chunk in loaded_chunks(self._connection, self._table.id):
                for rejections in self._chunk(reader, chunk, _Found()):
                    return rejected(self._table.plan.name, rejections[0])
        return self._lost()

    @contextmanager
    def _reader(self) -> Iterator[SnapshotReader]:
        with (
            SnapshotAccess(self._settings) as snapshots,
            closing(SnapshotReader(snapshots.path(self._table.source))) as reader,
        ):
            yield reader

    def _lost(self) -> InternalError:
        return InternalError(
            "A row that the table refused is not in the source",
            table=self._table.plan.name,
            remedy="Report this as a bug; no table that users see was changed",
        )

    def _read_waiting(
        self, staging_schema: str, refused: RefusedRows
    ) -> tuple[dict[_Hash, list[Refusal]], Digest]:
        waiting: dict[_Hash, list[Refusal]] = {}
        total = DigestSum()
        plan = self._table.plan
        held = replace(plan, target_name=refused.held, columns=(*plan.columns, _NUMBERED))
        driver = driver_connection(self._connection)
        for batch in read_uncommitted(driver, staging_schema, held, self._batch_rows):
            rows = batch.select(range(len(self._columns)))
            numbers = batch.column(len(self._columns)).to_pylist()
            for key, number in zip(self._hashes(rows), numbers, strict=True):
                if number in refused.refusals:
                    waiting.setdefault(key, []).append(refused.refusals[number])
            total.add(rows, self._columns)
        return waiting, total.digest()

    def _hashes(self, rows: pa.RecordBatch) -> list[_Hash]:
        hashes = hash_rows(canonical_table(pa.Table.from_batches([rows]), self._columns))
        return list(zip(hashes["high"].to_pylist(), hashes["low"].to_pylist(), strict=True))

    def _chunk(self, reader: SnapshotReader, chunk: HeldChunk, found: _Found) -> Iterator[list[Rejection]]:
        """Yield the refused rows of one chunk, batch by batch."""
        record = read_chunk(self._connection, chunk.id)
        classes = {column.name: self._table.profile[column.name].classes for column in self._columns}
        batches = reader.batches(self._table.declared, classes, record.key_range, self._batch_rows)
        orphans = OrphanRows(self._table.declared, record.orphans) if record.orphans else None
        with server_casts(self._connection.engine, self._table.plan) as casts:
            yield from self._refused(batches, orphans, casts, found)

    def _refused(
        self,
        batches: Iterable[RawBatch],
        orphans: OrphanRows | None,
        casts: ServerCasts | None,
        found: _Found,
    ) -> Iterator[list[Rejection]]:
        highs = pa.array([high for high, _ in self._waiting], pa.uint64())
        for raw in batches:
            converted = self._converter.convert(raw, orphans)
            if not converted.batch.num_rows:
                continue
            hashes = hash_rows(canonical_table(pa.Table.from_batches([converted.batch]), self._columns))
            near = pc.indices_nonzero(pc.is_in(hashes["high"].combine_chunks(), value_set=highs))
            taken = []
            refusals = []
            for row in near.to_pylist():
                refusal = self._take((hashes["high"][row].as_py(), hashes["low"][row].as_py()))
                if refusal is not None:
                    taken.append(row)
                    refusals.append(refusal)
            if not taken:
                continue
            places = (
                pa.array(range(raw.rows)) if converted.kept is None else pc.indices_nonzero(converted.kept)
            )
            those = raw.take(places.cast(pa.int64()).take(pa.array(taken, pa.int64())))
            again = self._converter.convert(those, orphans)
            found.rows += len(taken)
            found.digest.add(again.batch, self._columns)
            found.transforms.update(again.transforms)
            cast = casts.apply(again.batch).lost if casts is not None else ()
            found.transforms.update(Counter((column, loss) for _, column, loss in cast))
            yield [
                rejection
                for row, refusal in enumerate(refusals)
                for rejection in refused_values(those, row, refusal, self._names)
            ]

    def _take(self, key: _Hash) -> Refusal | None:
        refusals = self._waiting.get(key)
        if not refusals:
            return None
        refusal = refusals.pop()
        if not refusals:
            del self._waiting[key]
        return refusal
