"""Copy chunks: SQLite → Arrow → binary COPY, with digest, quarantine and the `done` mark in one transaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
import pyarrow as pa
from sqlalchemy import Connection

from migration.convoy_error import ConvoyError
from migration.errors import InternalError, RejectedValueError, TargetRefusedError
from migration.ledger.chunk_records import (
    ChunkRecord,
    ChunkResult,
    read_chunk,
    read_chunks,
    save_chunk_results,
)
from migration.ledger.step_records import Step
from migration.model import Mode, OnError, Rejection, TablePlan
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.steps.refusal_tolerant_copy import load_all_rows, load_rows, part
from migration.steps.rejection_spool import RejectionSpool
from migration.steps.run_schema_names import staging_schema
from migration.steps.step_context import PlannedTable, StepContext
from migration.steps.step_outcome import StepOutcome
from migration.steps.trial_load import Trial, find_risks, try_rows
from migration.target.application_tables.row_refusal_errors import Refusal
from migration.target.loading.copy_encoder import CopyEncoder
from migration.target.postgres_errors import state_of, translate
from migration.target.sql_statements import driver_connection
from migration.validation.loss_count import LossCount
from migration.validation.row_digest import DigestSum, hash_together
from migration.validation.server_casts import ServerCasts, server_casts
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context, Converted, Converter
from migration.value_conversion.batch_size import copied_batch_rows
from migration.value_conversion.orphan_row_removal import OrphanRows
from migration.value_conversion.packed_values import classes_to_read
from migration.value_conversion.raw_batch import RawBatch
from migration.value_conversion.rules.conversion_rule import AskServer

_LIMIT_OF_SETTING = "53"
"""The class of SQLSTATEs of what a setting limits, and no other type of a column helps against."""


class ChunkStream:
    """The converted batches of a chunk, and what was counted on the way; rejected values go to the spool."""

    def __init__(
        self,
        reader: SnapshotReader,
        table: PlannedTable,
        chunk: ChunkRecord,
        spool: RejectionSpool,
        casts: ServerCasts | None = None,
        ask_server: AskServer | None = None,
    ) -> None:
        options = table.run.options
        self._reader = reader
        self._table = table.declared
        self._plan = table.plan
        self._chunk = chunk
        self._columns = table.plan.copied_columns
        self._classes = {column.name: table.profile[column.name].classes for column in self._columns}
        # Where no row will be shown; orphan rows are looked for, and refused ones kept, as they are stored.
        self._fewest_classes = {
            column.name: classes_to_read(column, table.profile[column.name]) for column in self._columns
        }
        self._batch_rows = copied_batch_rows(options.batch_rows, table.profile.values())
        self._converter = Converter(
            self._columns,
            Context(options.source_timezone, ask_server=ask_server),
            table.profile,
            packed=True,
        )
        self._orphans = OrphanRows(table.declared, chunk.orphans) if chunk.orphans else None
        self.digest = DigestSum()
        self.rows_read = 0
        self.rows_rejected = 0
        self._aborts = options.on_error is OnError.ABORT
        self._spool = spool
        self.transforms: Counter[tuple[str, str]] = Counter()
        self._casts = casts
        self._losses = LossCount()

    def batches(
        self, load: Callable[[pa.RecordBatch], dict[int, Refusal]] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches that go into the target.

        With `load`, they are in it already: it takes each of them first, and says which rows the server refuses. Those
        go to the quarantine.

        Raises:
            RejectedValueError: a value cannot be stored, and the run is to stop at the first one.
        """
        classes = self._fewest_classes if load is None and self._orphans is None else self._classes
        for read in self._reader.batches(self._table, classes, self._chunk.key_range, self._batch_rows):
            raw = read
            del read  # not to be held beside the next one
            converted = self._converter.convert(raw, self._orphans)
            self.rows_read += raw.rows
            if load is not None and (refused := load(converted.batch)):
                raw, converted = self._without(raw, converted, refused)
            self.rows_rejected += converted.rows_rejected
            if converted.rejections and self._aborts:
                raise rejected(self._table.name, converted.rejections[0])
            self._spool.add(converted.rejections)
            self._spool.add(converted.orphans)
            self.transforms.update(converted.transforms)
            self._note_losses(raw, converted)
            self.digest.add(converted.batch, self._columns)
            batch = converted.batch
            del raw, converted  # not to be held beside the next ones
            yield batch
            del batch

    def _without(
        self, raw: RawBatch, converted: Converted, refused: dict[int, Refusal]
    ) -> tuple[RawBatch, Converted]:
        """Return a batch without the rows that the server refused, which go to the quarantine."""
        rest, rejections = part(raw, converted, refused, self._plan)
        if self._aborts:
            raise rejected(self._table.name, rejections[0])
        self._spool.add(rejections)
        self.rows_rejected += len(refused)
        # Its orphan rows are counted already.
        orphans = OrphanRows(self._table, self._chunk.orphans) if self._chunk.orphans else None
        return rest, self._converter.convert(rest, orphans)

    def _note_losses(self, raw: RawBatch, converted: Converted) -> None:
        """Count what the server would not keep of the values that only it knows, and name rows of all losses."""
        lost = self._casts.apply(converted.batch).lost if self._casts is not None else ()
        if lost or converted.lost:
            self._losses.add(raw, converted, lost)
        self.transforms.update(Counter((column, loss) for _, column, loss in lost))

    @property
    def lost(self) -> list[list[str]]:
        """Column, loss and key of some rows whose values cannot be had back."""
        return [[*place, key] for place, keys in self._losses.keys.items() for key in keys]

    def result(self, seconds: float) -> ChunkResult:
        """Return the result once all batches are through.

        Raises:
            InternalError: the snapshot gave other rows than were counted in it: nothing is committed.
        """
        if self._orphans is not None:
            self._orphans.check()
        digest = self.digest.digest()
        if self.rows_read != self._chunk.rows or digest.rows + self.rows_rejected != self.rows_read:
            raise InternalError(
                f"The chunk holds {self._chunk.rows} rows, but {self.rows_read} were read and {digest.rows} kept",
                table=self._table.name,
                chunk=self._chunk.position,
                remedy="Report this as a bug; nothing of the chunk was stored",
            )
        return ChunkResult(
            digest.rows, self.rows_rejected, digest, seconds, self._spool.groups(), self.transforms
        )


def rejected(table: str, rejection: Rejection) -> RejectedValueError:
    """Return the error that stops a run with `--on-error abort`; it names table, key and column."""
    key = ", ".join("NULL" if part is None else str(part) for part in rejection.key)
    return RejectedValueError(
        f"A value cannot be stored: {rejection.reason}",
        table=table,
        key=key,
        column=rejection.column,
        remedy="No table that users see was changed; correct the value, map the column with --mapping,"
        " or keep such rows apart with --on-error quarantine",
    )


def copy_chunk(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Load a chunk into its staging table.

    In a dry-run it is converted and encoded; what may be too large for the server is sent to it and undone.
    """
    chunk = read_chunk(connection, _chunk_id(step))
    table = context.planned_table(connection, step.run_id, chunk.table_id)
    try:
        with ExitStack() as stack:
            loaded = _load(context, connection, stack, table, chunk, load_rows)
            result = loaded.result()
            save_chunk_results(connection, table.run.id, context.worker, [(chunk, result)])
    except psycopg.Error as error:
        raise _refused_by_server(error, step, table, chunk) from error
    return loaded.outcome(result)


def copy_chunks(context: StepContext, connection: Connection, steps: Sequence[Step]) -> list[StepOutcome]:
    """Load the chunks of steps of one run into their staging tables.

    Raises:
        psycopg.Error: the server refuses a row, or more than that: each chunk is to be loaded by itself.
    """
    chunks = read_chunks(connection, [_chunk_id(step) for step in steps])
    run_id = steps[0].run_id
    tables = context.planned_tables(connection, run_id, {chunk.table_id for chunk in chunks})
    with ExitStack() as stack:  # what is rejected waits in spools until all is loaded
        loaded = [
            _load(context, connection, stack, tables[chunk.table_id], chunk, load_all_rows)
            for chunk in chunks
        ]
        hash_together(one.stream.digest for one in loaded)
        results = [one.result() for one in loaded]
        save_chunk_results(connection, run_id, context.worker, list(zip(chunks, results, strict=True)))
    return [one.outcome(result) for one, result in zip(loaded, results, strict=True)]


def _chunk_id(step: Step) -> int:
    if step.chunk_id is None:
        raise InternalError("A copy step names no chunk", step=step.id)
    return step.chunk_id


class _Load(Protocol):
    """How rows get into a table: `load_rows` or `load_all_rows`."""

    def __call__(
        self,
        connection: Connection,
        driver: psycopg.Connection[Any],
        schema: str,
        plan: TablePlan,
        read: Callable[[], ChunkStream],
        /,
    ) -> tuple[ChunkStream, int]: ...


def _load(
    context: StepContext,
    connection: Connection,
    stack: ExitStack,
    table: PlannedTable,
    chunk: ChunkRecord,
    load: _Load,
) -> _Loaded:
    """Load a chunk; its result can be had and saved as long as `stack` is open."""
    started = time.monotonic()
    opinion = ServerOpinion(context.engine)
    with server_casts(context.engine, table.plan) as casts:

        def read() -> ChunkStream:
            spool = stack.enter_context(RejectionSpool())
            return ChunkStream(context.snapshot_reader(table.source), table, chunk, spool, casts, opinion)

        driver = driver_connection(connection)
        schema = staging_schema(table.run, table.plan.target_schema)
        trial: Trial | None = None
        if table.run.options.mode is not Mode.DRY_RUN:
            stream, bytes_sent = load(connection, driver, schema, table.plan, read)
        elif risks := find_risks(connection, table.plan, table.profile, table.run.options):
            stream, trial = try_rows(connection, driver, f"{schema}_{chunk.id}", risks, read)
            bytes_sent = trial.bytes_sent
        else:
            stream = read()
            bytes_sent = _encode_only(table.plan, stream)
    return _Loaded(stream, table.plan, bytes_sent, time.monotonic() - started, trial)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A chunk whose rows have been read, and are in the target unless the run is a dry one."""

    stream: ChunkStream
    plan: TablePlan
    bytes_sent: int
    seconds: float
    trial: Trial | None

    def result(self) -> ChunkResult:
        return self.stream.result(self.seconds)

    def outcome(self, result: ChunkResult) -> StepOutcome:
        details: dict[str, Any] = {"bytes_sent": self.bytes_sent, "seconds": self.seconds}
        if self.stream.lost:
            details["lost"] = self.stream.lost
        if self.trial is not None:
            details |= self.trial.outcome
        return StepOutcome(
            details, self.plan.name, result.rows_loaded, result.rows_quarantined, self.bytes_sent
        )


def _refused_by_server(
    error: psycopg.Error, step: Step, table: PlannedTable, chunk: ChunkRecord
) -> ConvoyError:
    """Return what stopped the COPY of a chunk, with its place and what to do about it."""
    found = translate(error, table=table.plan.name, chunk=chunk.position, step=step.id)
    if isinstance(found, TargetRefusedError) and state_of(error)[:2] != _LIMIT_OF_SETTING:
        name = table.run.options.table_names.table(table.source.label, table.plan.name)
        found.remedy = (
            "Give the table's columns other types with --mapping, or leave it out with"
            f" --exclude {name}; no table that users see was changed"
        )
    return found


def _encode_only(plan: TablePlan, stream: ChunkStream) -> int:
    encoder = CopyEncoder(plan.copied_columns)
    size = len(encoder.header())
    for batch in stream.batches():
        size += len(encoder.encode(batch))
    return size + len(encoder.finish())
