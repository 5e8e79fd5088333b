"""Reverse a cutover: one transaction that puts back what stood there before, and loses nothing that came since.

What was written since the cutover is counted twice: without a lock, so that a refusal makes nobody wait, and again in
the transaction of the rollback, with everybody kept out, so that no row slips in between the count and the drop.
The second count reads again only what was written to meanwhile.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError, NextStep
from migration.cutover_errors import CutoverBlockedError, CutoverPatienceError
from migration.errors import RunStateError
from migration.ledger.cutover_tries import CutoverTerms, pause_within_patience
from migration.ledger.run_acts import Act, Person, act_of, read_acts
from migration.ledger.run_records import RunRecord, find_run, read_run
from migration.ledger.run_results import save_objects
from migration.ledger.run_transition import transition
from migration.model import ObjectResult, Phase
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.settings import Settings, load_settings
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.leftovers.purged_run import refuse_purged
from migration.steps.rollback.changed_views import changed_views
from migration.steps.rollback.later_runs import refuse_later_runs
from migration.steps.rollback.later_write_count import LaterWriteCount, TableLook
from migration.steps.rollback.later_write_export import ExportedTable, export_later_writes, remove_export
from migration.steps.rollback.later_writes import LaterWrites, refuse
from migration.steps.rollback.watched_table import watched_tables
from migration.steps.run_schema_names import kept_schema
from migration.target.application_tables.data_only_cutover import take_back
from migration.target.application_tables.load_rights import load_rights
from migration.target.cutover.lock_acquisition import (
    WantedLocks,
    lock_refusals_told,
    referred_to,
    referring_to,
    take_locks,
)
from migration.target.cutover.relation_move import translated
from migration.target.cutover.schema_rollback import roll_back
from migration.target.cutover.schema_turns import take_schema_turns
from migration.target.missing_rights import owner_rights, refuse_lacking, schema_rights
from migration.target.pg_catalog.application_table_facts import application_tables_with

_DONE = (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """What a rollback has done. `kept_schemas` hold the run's tables, where something was written to them since."""

    objects: tuple[ObjectResult, ...]
    writes: tuple[LaterWrites, ...] = ()
    kept_schemas: tuple[str, ...] = ()
    exported: tuple[ExportedTable, ...] = ()


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for."""

    run_id: str
    force: bool
    export_to: Path | None
    person: Person | None
    settings: Settings | None
    observers: Observers

    @property
    def may_go_on(self) -> bool:
        return self.force or self.export_to is not None


def roll_back_run(
    engine: Engine,
    run_id: str,
    *,
    force: bool = False,
    export_to: Path | None = None,
    person: Person | None = None,
    settings: Settings | None = None,
    lock_timeout_seconds: float | None = None,
    observers: Observers = STANDARD_OBSERVERS,
) -> RollbackResult:
    """Put back the tables that stood before the cutover, and remove those that the run created. One try.

    Args:
        engine: of the ledger.
        run_id: the run's full id.
        force: go on where the run's tables have been written to since; they are kept in a schema of their own.
        export_to: the same, and write these rows into files of this folder first.
        person: who asks for it; None: the user of this process.
        settings: say where snapshots are, which tell rows apart by key; None: those of this process.
        lock_timeout_seconds: how long to wait for the locks of users; None: as the run's cutover did.
        observers: hear of it.

    Raises:
        CutoverBlockedError: others hold locks; it names them.
        UsageError: the run has not been cut over, was rolled back already, or purged, or another one has been completed
            on its tables since; the export cannot be written.
        LaterWritesError: rows have been written since; nothing was changed.
        TargetError: the tables have been changed since in a way that a rollback would destroy.
    """
    request = _Request(run_id, force, export_to, person, settings, observers)
    return _try(engine, request, _look(engine, request), lock_timeout_seconds)


def roll_back_patiently(
    engine: Engine,
    run_id: str,
    terms: CutoverTerms,
    tell: Callable[[str], None],
    *,
    force: bool = False,
    export_to: Path | None = None,
    person: Person | None = None,
    settings: Settings | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> RollbackResult:
    """Roll back as soon as others let it: short tries with pauses, as in a cutover.

    Args:
        engine: of the ledger.
        run_id: a full id.
        terms: what replaces the lock timeout and the patience of the run.
        tell: is told who is in the way, once for each sentence.
        force: as in `roll_back_run`.
        export_to: as in `roll_back_run`.
        person: as in `roll_back_run`.
        settings: as in `roll_back_run`.
        pause: waits so many seconds.

    Raises:
        CutoverPatienceError: others were in the way to the end; nothing was changed.
        ConvoyError: as `roll_back_run`.
    """
    request = _Request(run_id, force, export_to, person, settings, STANDARD_OBSERVERS)
    options = terms.of(find_run(engine, run_id).options)
    begun, told = time.monotonic(), ""
    looks: dict[int, TableLook] | None = None
    for tries in itertools.count(1):
        looks = _look(engine, request, looks)
        try:
            return _try(engine, request, looks, options.cutover_lock_timeout_seconds)
        except CutoverBlockedError as blocked:
            elapsed = time.monotonic() - begun
            seconds = pause_within_patience(tries, options, elapsed)
            if seconds is None:
                again = f"migration-cli rollback {run_id}"
                raise CutoverPatienceError(
                    f"The rollback was tried for {elapsed:,.0f} s, and others were in the way to the end:"
                    f" {blocked.what}",
                    remedy=f"Nothing was changed; end what is in the way, and type `{again}`",
                    next_steps=(NextStep("Try the rollback again", again), *blocked.next_steps),
                    run=run_id,
                ) from blocked
            if told != (told := str(blocked)):
                tell(f"{blocked} It is tried again, with pauses in which nobody queues behind it.")
            pause(seconds)
    raise AssertionError("counting has no end")


def _look(
    engine: Engine, request: _Request, earlier: Mapping[int, TableLook] | None = None
) -> dict[int, TableLook]:
    """Count without a lock what was written since the cutover."""
    try:
        with (
            SnapshotAccess(request.settings or load_settings()) as snapshots,
            engine.begin() as connection,
        ):
            run = read_run(connection, request.run_id)
            _check(connection, run)
            _check_rights(connection, run)
            tables = watched_tables(connection, run)
            looks = LaterWriteCount(connection, run, snapshots).look_at(tables, earlier)
            views = changed_views(connection, run)
    except (ConvoyError, DBAPIError):
        # Nothing is locked: who rolls back at the same moment takes the tables away from under the count.
        with engine.connect() as connection:
            _check(connection, read_run(connection, request.run_id))
        raise
    _judge(request, looks, views)
    return looks


def _try(
    engine: Engine, request: _Request, earlier: Mapping[int, TableLook], lock_timeout_seconds: float | None
) -> RollbackResult:
    with transition(engine, request.run_id, request.observers) as locked:
        connection, run = locked.connection, locked.record
        _check(connection, run)
        seconds = (
            run.options.cutover_lock_timeout_seconds if lock_timeout_seconds is None else lock_timeout_seconds
        )
        _check_rights(connection, run)
        with translated():
            take_schema_turns(connection, _own_schemas(run), seconds)
            take_locks(connection, _wanted_locks(connection, run), seconds)
        tables = watched_tables(connection, run)
        looks = LaterWriteCount(connection, run, None).look_at(tables, earlier)
        writes = _judge(request, looks, changed_views(connection, run))
        exported: list[ExportedTable] = []
        if request.export_to is not None and writes:
            exported = export_later_writes(connection, tables, writes, request.export_to)
        try:
            with lock_refusals_told(run.id):
                results, kept = _reverse(connection, run, are_kept=bool(writes))
            save_objects(connection, run.id, results)
            locked.note(
                act_of(
                    run.id,
                    Act.ROLLED_BACK,
                    request.person,
                    {"written_since": [found.recorded() for found in writes], "kept_schemas": kept},
                )
            )
            locked.enter(Phase.ROLLED_BACK)
        except Exception:
            # Nothing was changed; another try writes them anew. One lost in its commit may have come about: they stay.
            remove_export(exported)
            raise
    return RollbackResult(tuple(results), tuple(writes), tuple(kept), tuple(exported))


def _check_rights(connection: Connection, run: RunRecord) -> None:
    """Name every right that the reverse needs, before the first statement that would miss one."""
    for record in (part["record"] for part in run.cutover if part["record"]):
        oids = [entry["oid"] for entry in (*record["tables"], *record.get("replaced", ()))]
        if record.get("data_only"):
            lacking = load_rights(connection, list(application_tables_with(connection, oids).values()))
        else:
            lacking = schema_rights(connection, record["target_schema"], ["CREATE", "USAGE"])
            lacking += owner_rights(connection, oids, "remove or put back")
        refuse_lacking(connection, lacking, schema=record["target_schema"])


def _reverse(
    connection: Connection, run: RunRecord, *, are_kept: bool
) -> tuple[list[ObjectResult], list[str]]:
    results: list[ObjectResult] = []
    kept: list[str] = []
    for part in run.cutover:
        record, previous = part["record"], part["previous_schema"]
        aside = kept_schema(previous) if are_kept and record else None
        reverse = take_back if record.get("data_only") else roll_back
        done = reverse(connection, record, previous, aside)
        if run.options.schema_per_source:  # tables of one name may go out of two schemas
            schema = record.get("target_schema", "")
            done = [one if one.owner or one.kind == "schema" else replace(one, owner=schema) for one in done]
        results.extend(done)
        kept += [aside] if aside else []
    return results, kept


def _own_schemas(run: RunRecord) -> list[str]:
    """Return the schemas that the run's tables go out of; a load has put none into them."""
    records = [part["record"] for part in run.cutover]
    return [record["target_schema"] for record in records if record and not record.get("data_only")]


def _wanted_locks(connection: Connection, run: RunRecord) -> WantedLocks:
    records = [part["record"] for part in run.cutover]
    oids = [
        entry["oid"]
        for record in records
        for entry in (*record.get("tables", ()), *record.get("replaced", ()))
    ]
    loaded = [
        entry["oid"] for record in records if record.get("data_only") for entry in record.get("tables", ())
    ]
    return WantedLocks(oids={*oids, *referred_to(connection, oids), *referring_to(connection, loaded)})


def _check(connection: Connection, run: RunRecord) -> None:
    if run.phase not in _DONE or not run.cutover:
        raise RunStateError(
            f"The run is {run.phase} and has nothing to roll back",
            run=run.id,
            remedy="Only a completed migration can be rolled back",
        )
    refuse_purged(run.id, read_acts(connection, run.id), "rolled back")
    refuse_later_runs(connection, run, _DONE)


def _judge(
    request: _Request, looks: Mapping[int, TableLook], views: Sequence[LaterWrites]
) -> Sequence[LaterWrites]:
    writes = [*(look.writes for look in looks.values() if look.writes is not None), *views]
    if writes and not request.may_go_on:
        raise refuse(request.run_id, writes)
    return writes
