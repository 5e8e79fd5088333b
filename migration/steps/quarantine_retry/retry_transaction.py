"""Try the quarantined rows of a finished run again: one transaction, which commits only what is proved equal.

The rows are read from the snapshot by their keys, converted by the rules of today, and put into the tables where they
stand now. Then every touched table is read back whole, and its digest must be that of the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, update
from sqlalchemy.exc import DBAPIError

from migration.errors import RunStateError
from migration.ledger.ledger_tables import runs
from migration.ledger.quarantine_records import HeldChunk, held_chunks
from migration.ledger.run_acts import Act, act_of, read_acts
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_results import count_findings, count_quarantined
from migration.ledger.run_transition import LockedRun, transition
from migration.ledger.table_records import read_sources, read_tables
from migration.mapping_file_model import MappingFile
from migration.model import Mode, Phase
from migration.observers.run_happenings import QuarantineRetried
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.settings import Settings, load_settings
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.source_table_names import errors_of_source
from migration.steps.digest_renewal import renew_digests
from migration.steps.leftovers.purged_run import refuse_purged
from migration.steps.quarantine_retry.table_retry import RetriedTable, TableRetry
from migration.steps.step_context import read_planned_table
from migration.target.application_tables.refusal_tolerant_insert import insert_fitting
from migration.target.application_tables.row_transfer import triggers_at_rest
from migration.target.postgres_errors import translate

__all__ = ["RetriedTable", "RetryResult", "retry_quarantine"]

_DONE = (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)


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


def retry_quarantine(
    engine: Engine,
    run_id: str,
    mapping: MappingFile | None = None,
    *,
    settings: Settings | None = None,
    observers: Observers = STANDARD_OBSERVERS,
) -> RetryResult:
    """Try the quarantined rows of a run again, by its own rules or by those of another mapping file.

    `settings` say where snapshots are; None: those of this process.

    Raises:
        UsageError: the run is not a finished migration, its snapshot is gone, or the mapping would change tables.
        TargetError: a table of the run has been dropped since, or may not be written to.
        PermanentError: source and target would not be equal afterwards; nothing was changed.
        RetryableError: others hold locks for too long; the connection broke.
    """
    with SnapshotAccess(settings or load_settings()) as snapshots:
        _bring(engine, run_id, snapshots, with_all=mapping is not None)
        return _retry(engine, run_id, mapping, observers, snapshots)


def _bring(engine: Engine, run_id: str, snapshots: SnapshotAccess, *, with_all: bool) -> None:
    """Have the snapshots here before anything is locked; another mapping is checked against all of them."""
    with engine.connect() as connection:
        _check_run(connection, read_run(connection, run_id))
        touched = {chunk.table_id for chunk in held_chunks(connection, run_id)}
        wanted = {table.source_id for table in read_tables(connection, run_id) if table.id in touched}
        for source in read_sources(connection, run_id) if touched else ():
            if with_all or source.id in wanted:
                snapshots.path(source)


def _retry(
    engine: Engine, run_id: str, mapping: MappingFile | None, observers: Observers, snapshots: SnapshotAccess
) -> RetryResult:
    with transition(engine, run_id, observers) as locked:
        connection, run = locked.connection, locked.record
        _check_run(connection, run)
        _renew(connection, run, snapshots)
        held: dict[int, list[HeldChunk]] = {}
        for chunk in held_chunks(connection, run_id):
            held.setdefault(chunk.table_id, []).append(chunk)
        names = run.options.table_names
        labels = {source.id: names.label(source.label) for source in read_sources(connection, run_id)}
        of_tables = {table.id: labels[table.source_id] for table in read_tables(connection, run_id)}
        retries: list[TableRetry] = []
        for number, table_id in enumerate(held, 1):
            with errors_of_source(of_tables[table_id]):
                retry = TableRetry(connection, run, table_id, held[table_id], mapping, number, snapshots)
                retries.append(retry)
        for retry in retries:
            with errors_of_source(names.label(retry.source)):
                retry.load()
        _insert(connection, run, retries)
        done: list[RetriedTable] = []
        for retry in retries:
            with errors_of_source(names.label(retry.source)):
                done.append(retry.finish())
        results = tuple(done)
        phase = _close(locked, results, mapping)
    return RetryResult(run_id, phase, results)


def _renew(connection: Connection, run: RunRecord, snapshots: SnapshotAccess) -> None:
    """Let digests of the touched tables be comparable with those that are about to be computed.

    Not of an application's tables: theirs are watched by sums of the server, and rows that they refused have no plan.
    """
    if not run.options.data_only:
        for table_id in sorted({chunk.table_id for chunk in held_chunks(connection, run.id)}):
            renew_digests(connection, read_planned_table(connection, run.id, table_id), snapshots)


def _check_run(connection: Connection, run: RunRecord) -> None:
    if run.options.mode is not Mode.MIGRATE or run.phase not in _DONE:
        raise RunStateError(
            f"The run is a {run.mode} in phase {run.phase}; only a completed migration has rows to try again",
            run=run.id,
        )
    refuse_purged(run.id, read_acts(connection, run.id), "retried")


def _insert(connection: Connection, run: RunRecord, retries: Sequence[TableRetry]) -> None:
    """Put the rows in, parents first; those that a table does not take leave the rows that wait for it."""
    arrivals = [retry.arrival for retry in retries]
    tables = [arrival.table for arrival in arrivals]
    try:
        with (
            triggers_at_rest(connection, tables, may_fire=run.options.fire_triggers)
            if run.options.data_only
            else nullcontext()
        ):
            refused = insert_fitting(connection, arrivals, alters_keys=False)
    except DBAPIError as error:
        raise translate(error, run=run.id) from error
    for retry in retries:
        retry.refused = refused.get(retry.arrival.table.oid, {})


def _close(locked: LockedRun, results: tuple[RetriedTable, ...], mapping: MappingFile | None) -> Phase:
    connection, run = locked.connection, locked.record
    stored, remaining = sum(r.stored for r in results), sum(r.remaining for r in results)
    locked.note(QuarantineRetried(run.id, stored, remaining))
    rules = {} if mapping is None else {"mapping_file": mapping.name, "mapping_sha256": mapping.sha256}
    locked.note(act_of(run.id, Act.RETRIED, data={"stored": stored, "remaining": remaining, **rules}))
    if run.options.data_only:
        connection.execute(update(runs).where(runs.c.id == run.id).values(cutover=run.cutover))
    is_clean = not count_quarantined(connection, run.id) and not count_findings(
        connection, run.id, ignored=run.options.ignore
    )
    if not is_clean or run.phase is Phase.COMPLETED:
        return run.phase
    locked.enter(Phase.COMPLETED)
    return Phase.COMPLETED
