"""Reverse a cutover: one transaction that puts back what stood there before, and loses nothing that came since.

What was written since the cutover is counted twice: without a lock, so that a refusal makes nobody wait, and again in
the transaction of the rollback, with writers kept out, so that no row slips in between the count and the drop.
The second count reads again only what was written to meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from migration.errors import RunStateError
from migration.ledger.run_acts import Act, Person, act_of, read_acts
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_results import save_objects
from migration.ledger.run_transition import transition
from migration.model import ObjectResult, Phase
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.settings import Settings, load_settings
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.leftovers.purged_run import refuse_purged
from migration.steps.rollback.later_write_count import LaterWriteCount, TableLook
from migration.steps.rollback.later_write_export import ExportedTable, export_later_writes
from migration.steps.rollback.later_writes import LaterWrites, refuse
from migration.steps.rollback.watched_table import keep_writers_out, watched_tables
from migration.steps.run_schema_names import kept_schema
from migration.target.application_tables.data_only_cutover import take_back
from migration.target.cutover.schema_rollback import roll_back

_DONE = (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """What a rollback has done. `kept_schemas` hold the run's tables, where something was written to them since."""

    objects: tuple[ObjectResult, ...]
    writes: tuple[LaterWrites, ...] = ()
    kept_schemas: tuple[str, ...] = ()
    exported: tuple[ExportedTable, ...] = ()


def roll_back_run(
    engine: Engine,
    run_id: str,
    *,
    force: bool = False,
    export_to: Path | None = None,
    person: Person | None = None,
    settings: Settings | None = None,
    observers: Observers = STANDARD_OBSERVERS,
) -> RollbackResult:
    """Put back the tables that stood before the cutover, and remove those that the run created.

    Args:
        engine: of the ledger.
        run_id: the run's full id.
        force: go on where the run's tables have been written to since; they are kept in a schema of their own.
        export_to: the same, and write these rows into files of this folder first.
        person: who asks for it; None: the user of this process.
        settings: say where snapshots are, which tell rows apart by key; None: those of this process.
        observers: hear of it.

    Raises:
        UsageError: the run has not been cut over, was rolled back already, or purged; the export cannot be written.
        LaterWritesError: rows have been written since; nothing was changed.
        TargetError: the tables have been changed since in a way that a rollback would destroy.
    """
    may_go_on = force or export_to is not None
    with SnapshotAccess(settings or load_settings()) as snapshots, engine.begin() as connection:
        run = read_run(connection, run_id)
        _check(connection, run)
        tables = watched_tables(connection, run)
        looks = LaterWriteCount(connection, run, snapshots).look_at(tables)
    _judge(run_id, looks, may_go_on=may_go_on)
    with transition(engine, run_id, observers) as locked:
        connection, run = locked.connection, locked.record
        _check(connection, run)
        tables = watched_tables(connection, run)
        keep_writers_out(connection, tables)
        looks = LaterWriteCount(connection, run, None).look_at(tables, looks)
        writes = _judge(run_id, looks, may_go_on=may_go_on)
        exported = export_later_writes(connection, tables, writes, export_to) if export_to and writes else []
        results: list[ObjectResult] = []
        kept = []
        for part in run.cutover:
            record, previous = part["record"], part["previous_schema"]
            aside = kept_schema(previous) if writes and record else None
            reverse = take_back if record.get("data_only") else roll_back
            results.extend(reverse(connection, record, previous, aside))
            kept += [aside] if aside else []
        save_objects(connection, run_id, results)
        locked.note(
            act_of(
                run_id,
                Act.ROLLED_BACK,
                person,
                {"written_since": [found.recorded() for found in writes], "kept_schemas": kept},
            )
        )
        locked.enter(Phase.ROLLED_BACK)
    return RollbackResult(tuple(results), tuple(writes), tuple(kept), tuple(exported))


def _check(connection: Connection, run: RunRecord) -> None:
    if run.phase not in _DONE or not run.cutover:
        raise RunStateError(
            f"The run is {run.phase} and has nothing to roll back",
            run=run.id,
            remedy="Only a completed migration can be rolled back",
        )
    refuse_purged(run.id, read_acts(connection, run.id), "rolled back")


def _judge(run_id: str, looks: dict[int, TableLook], *, may_go_on: bool) -> Sequence[LaterWrites]:
    writes = [look.writes for look in looks.values() if look.writes is not None]
    if writes and not may_go_on:
        raise refuse(run_id, writes)
    return writes
