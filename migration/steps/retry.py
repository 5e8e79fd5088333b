"""Try the quarantined rows of a finished run again: one transaction, which commits only what is proved equal.

The rows are read from the snapshot by their keys, converted by the rules of today, and put into the tables where they
stand now. Then every touched table is read back whole, and its digest must be that of the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, select, update

from migration.errors import PermanentError, TargetError, UsageError
from migration.ledger.contents import (
    ChunkRecord,
    count_findings,
    count_quarantined,
    planned,
    read_chunk,
    read_loaded,
    read_table,
    save_verdict,
)
from migration.ledger.events import add_event
from migration.ledger.quarantine import (
    HeldChunk,
    add_rejections,
    change_reason,
    forget_entries,
    held_chunks,
    held_rows,
    release_rows,
)
from migration.ledger.runs import RunRecord, read_run
from migration.ledger.tables import runs
from migration.mapping.row_key import Key, storable_key
from migration.model import Digest, Mode, Phase, TablePlan
from migration.overrides import MappingFile
from migration.source.reader import SnapshotReader
from migration.steps.context import PlannedTable, read_planned_table
from migration.steps.copy import batch_rows, driver_connection
from migration.steps.remap import remapped
from migration.steps.replay import ChunkReplay
from migration.steps.spool import RejectionSpool
from migration.target.insert import Inserter
from migration.target.relations import relations_with
from migration.target.reread import reread_batches
from migration.validation.digest import DigestSum, combine

_DONE = (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)


@dataclass(frozen=True, slots=True)
class RetriedTable:
    """What became of one table's quarantine. `reasons` counts the rows that stay, by the first reason of each."""

    source: str
    name: str
    stored: int
    remaining: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What became of a run's quarantine. `phase` is the run's, afterwards."""

    run_id: str
    phase: Phase
    tables: tuple[RetriedTable, ...]

    @property
    def stored(self) -> int:
        """Rows that went from quarantine into the target."""
        return sum(table.stored for table in self.tables)

    @property
    def remaining(self) -> int:
        """Rows that stay in quarantine."""
        return sum(table.remaining for table in self.tables)


def retry_quarantine(engine: Engine, run_id: str, mapping: MappingFile | None = None) -> RetryResult:
    """Try the quarantined rows of a run again, by its own rules or by those of another mapping file.

    Raises:
        UsageError: the run is not a finished migration, its snapshot is gone, or the mapping would change tables.
        TargetError: a table of the run has been dropped since, or may not be written to.
        PermanentError: source and target would not be equal afterwards; nothing was changed.
        RetryableError: others hold locks for too long; the connection broke.
    """
    with engine.begin() as connection:
        connection.execute(select(runs.c.id).where(runs.c.id == run_id).with_for_update())
        run = read_run(connection, run_id)
        _check_run(run)
        held: dict[int, list[HeldChunk]] = {}
        for chunk in held_chunks(connection, run_id):
            held.setdefault(chunk.table_id, []).append(chunk)
        retries = [
            _TableRetry(connection, run, table_id, held[table_id], mapping, number)
            for number, table_id in enumerate(held, 1)
        ]
        for retry in retries:
            retry.load()
        _insert(retries)
        results = tuple(retry.finish() for retry in retries)
        phase = _close(connection, run, results)
    return RetryResult(run.id, phase, results)


def _check_run(run: RunRecord) -> None:
    if run.options.mode is not Mode.MIGRATE or run.phase not in _DONE:
        raise UsageError(
            f"The run is a {run.mode} in phase {run.phase}; only a completed migration has rows to try again",
            f"run {run.id}",
        )
    if run.options.data_only:
        raise UsageError(
            "The tables of a run with --data-only are the application's own: a retry does not write to them",
            f"run {run.id}",
            "Take the rows from `migration-cli quarantine export`, or correct them in the source and migrate it again",
        )


def _insert(retries: list[_TableRetry]) -> None:
    """Put the rows in; those that a constraint refuses again as long as others got in: they may be their parents."""
    pending = retries
    while pending:
        stored = [retry for retry in pending if retry.insert()]
        pending = [retry for retry in retries if retry.refused] if stored else []


def _close(connection: Connection, run: RunRecord, results: tuple[RetriedTable, ...]) -> Phase:
    stored, remaining = sum(r.stored for r in results), sum(r.remaining for r in results)
    add_event(connection, run.id, "retry", stored=stored, remaining=remaining)
    phase = run.phase
    if not count_quarantined(connection, run.id) and not count_findings(connection, run.id):
        phase = Phase.COMPLETED
    if phase is not run.phase:
        connection.execute(update(runs).where(runs.c.id == run.id).values(phase=phase.value))
        add_event(connection, run.id, "phase", phase=phase.value)
    return phase


@dataclass(slots=True)
class _Part:
    """The rows of one chunk that fit: numbers `first` onwards in the inserter belong to `kept`, in order."""

    record: ChunkRecord
    held: HeldChunk
    entries: Mapping[Key, list[int]]
    first: int
    kept: list[Key]
    digest: Digest
    transforms: Mapping[tuple[str, str], int]
    reasons: dict[str, int] = field(default_factory=dict)


class _TableRetry:
    """One table of a retry: load what fits, insert what constraints take, prove, and write it down."""

    def __init__(
        self,
        connection: Connection,
        run: RunRecord,
        table_id: int,
        held: list[HeldChunk],
        mapping: MappingFile | None,
        number: int,
    ) -> None:
        self._connection = connection
        self._run = run
        self._held = held
        self._number = number
        self._table = read_planned_table(connection, run.id, table_id)
        self._snapshot = Path(self._table.source.snapshot)
        if not self._snapshot.exists():
            raise UsageError(
                "The snapshot that the run was made from is gone",
                str(self._snapshot),
                "Migrate the source again",
            )
        self._schema, self._standing = _where_it_stands(connection, run, self._table)
        self._replay = remapped(connection, self._table, mapping)
        self._parts: list[_Part] = []
        self._inserter: Inserter | None = None
        self.refused: dict[int, str] = {}
        """Number → reason of the rows that a constraint refused at the last try."""

    def load(self) -> None:
        """Convert the rows anew and send those that fit; what does not fit goes back into quarantine."""
        self._inserter = Inserter(self._connection, self._schema, self._standing, self._number)
        number = 1
        with closing(SnapshotReader(self._snapshot)) as reader:
            for held in self._held:
                part = self._load_chunk(reader, held, number)
                number += len(part.kept)
                self._parts.append(part)
        self.refused = dict.fromkeys(range(1, number), "")

    def _load_chunk(self, reader: SnapshotReader, held: HeldChunk, first: int) -> _Part:
        record = read_chunk(self._connection, held.id)
        entries = held_rows(self._connection, held.id)
        replay = ChunkReplay(reader, self._replay, record, entries)
        unfit: dict[Key, str] = {}
        with RejectionSpool() as spool:

            def fitting() -> Iterator[pa.RecordBatch]:
                for batch, rejections in replay.batches():
                    spool.add(rejections)
                    yield batch

            self._opened.copy(driver_connection(self._connection), fitting())
            gone: list[int] = []
            for group in spool.groups():
                for rejection in group:
                    key = storable_key(rejection.key)
                    if key not in unfit:
                        unfit[key] = rejection.reason
                add_rejections(self._connection, self._run.id, held.table_id, held.id, group)
            for key in unfit:
                gone += entries.get(key, [])
            forget_entries(self._connection, gone)
        part = _Part(record, held, entries, first, replay.kept, replay.digest(), replay.transforms)
        for reason in unfit.values():
            part.reasons[reason] = part.reasons.get(reason, 0) + 1
        return part

    @property
    def _opened(self) -> Inserter:
        if self._inserter is None:
            raise TypeError("load() comes first")
        return self._inserter

    def insert(self) -> int:
        """Try the rows that are not in the table yet; return how many got in."""
        before = len(self.refused)
        self.refused = self._opened.insert(_spans(sorted(self.refused)))
        return before - len(self.refused)

    def finish(self) -> RetriedTable:
        """Prove the table equal and write down what happened.

        Raises:
            PermanentError: it is not equal.
        """
        stored = 0
        reasons: dict[str, int] = {}
        with closing(SnapshotReader(self._snapshot)) as reader:
            for part in self._parts:
                stored += self._settle(reader, part)
                for reason, rows in part.reasons.items():
                    reasons[reason] = reasons.get(reason, 0) + rows
        remaining = sum(part.held.rows_quarantined for part in self._parts) - stored
        unknown = remaining - sum(reasons.values())
        if unknown:
            reasons["the row has no key by which it could be found again"] = unknown
        if stored:
            self._opened.advance_sequences(self._standing, self._schema)
            self._prove()
        return RetriedTable(self._table.plan.source_label, self._table.plan.name, stored, remaining, reasons)

    def _settle(self, reader: SnapshotReader, part: _Part) -> int:
        """Write down the fate of one chunk's rows; return how many are stored."""
        numbers = range(part.first, part.first + len(part.kept))
        left_out = {part.kept[n - part.first]: self.refused[n] for n in numbers if n in self.refused}
        for key, reason in left_out.items():
            change_reason(self._connection, part.entries[key], reason)
            part.reasons[reason] = part.reasons.get(reason, 0) + 1
        stored = [key for key in part.kept if key not in left_out]
        if not stored:
            return 0
        digest, transforms = part.digest, part.transforms
        if left_out:  # what was refused must not count: read once more without it
            replay = ChunkReplay(reader, self._replay, part.record, part.entries, frozenset(left_out))
            for _ in replay.batches():
                pass
            digest, transforms = replay.digest(), replay.transforms
        forget_entries(self._connection, [entry for key in stored for entry in part.entries[key]])
        loaded = combine([part.held.loaded, digest])
        release_rows(self._connection, part.held.id, loaded, len(stored), transforms)
        return len(stored)

    def _prove(self) -> None:
        size = batch_rows(self._run.options.batch_rows, self._replay.profile)
        found = DigestSum()
        for batch in reread_batches(driver_connection(self._connection), self._schema, self._standing, size):
            found.add(batch, self._standing.copied_columns)
        source = combine(read_loaded(self._connection, self._table.id).digests)
        target = found.digest()
        save_verdict(self._connection, self._table.id, source, target)
        if source != target:
            counts = f"{source.rows:,} rows should be there, {target.rows:,} are"
            how = counts if source.rows != target.rows else "values differ"
            raise PermanentError(
                f"The table would not be equal to its source: {how}",
                f"table {self._schema}.{self._standing.target_name}",
                "Nothing was changed. If an application has written to the table since the cutover, take the rows"
                " from `migration-cli quarantine export` and insert them by hand",
            )


def _spans(numbers: list[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as spans without gaps.

    >>> _spans([1, 2, 3, 7, 9, 10])
    [(1, 3), (7, 7), (9, 10)]
    """
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans


def _where_it_stands(connection: Connection, run: RunRecord, table: PlannedTable) -> tuple[str, TablePlan]:
    """Return the schema that the table is in now, and its plan under the name that it bears now.

    Raises:
        TargetError: it has been dropped since the cutover.
    """
    plan = planned(read_table(connection, table.id))
    moved: list[dict[str, Any]] = [part["record"] for part in run.cutover or [] if part["record"]]
    oids = [
        entry["oid"]
        for record in moved
        if record["target_schema"] == plan.target_schema
        for entry in record["tables"]
        if entry["name"] == plan.target_name and entry["kind"] == "table"
    ]
    found = relations_with(connection, oids)
    if not found:
        raise TargetError(
            "The table that the run made has been dropped or replaced since",
            f"table {plan.target_schema}.{plan.target_name}",
            "Migrate it again",
        )
    relation = next(iter(found.values()))
    return relation.schema, replace(plan, target_name=relation.name)
