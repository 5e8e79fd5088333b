"""What a finished run keeps for rollback and retry: how much room it takes, and its removal on purpose (`purge`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, text

from migration.convoy_error import NextStep
from migration.errors import RunStateError
from migration.evidence_errors import RunPurgedError
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.ledger_tables import quarantine
from migration.ledger.run_acts import Act, ActRecord, Person, act_of, last_act
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_transition import transition
from migration.ledger.table_records import read_sources
from migration.model import Phase
from migration.observers.run_happenings import RunActed
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.settings import Settings
from migration.steps.leftovers.leftover_record import Leftover, LeftoverKind, LeftoverPlace
from migration.steps.leftovers.leftover_removal import Removal, remove_leftovers
from migration.steps.leftovers.leftover_schemas import LeftoverSchemas, made_by
from migration.steps.leftovers.leftover_snapshots import LeftoverSnapshots
from migration.steps.leftovers.leftover_stage_objects import LeftoverStageObjects
from migration.target.cutover.row_horizon import read_ages, recorded_horizon
from migration.target.pg_catalog.schema_relations import relations_in
from migration.target.pg_catalog.table_parts import read_parts
from migration.target.pg_catalog.table_settings import read_settings
from migration.target.pg_catalog.table_signature import changed_lines, read_signatures
from migration.target.schema_removal import in_use_by_others, remove_schema_in_portions
from migration.target.sql_statements import quoted


@dataclass(frozen=True, slots=True)
class Purge:
    """What went with a purge, and what stays: a snapshot that other runs need, too."""

    gone: tuple[Leftover, ...]
    stays: tuple[Removal, ...]


def refuse_purged(run_id: str, acts: Sequence[ActRecord], what: str) -> None:
    """Make sure that a run still has what it had kept.

    Raises:
        RunPurgedError: it was purged; says by whom and when.
    """
    purge = last_act(acts, Act.PURGED)
    if purge is not None:
        raise RunPurgedError(
            f"The run can no longer be {what}: {purge.person.name} on {purge.person.host} purged it"
            f" at {purge.at:%Y-%m-%d %H:%M:%S %Z}, and what it had kept for that is gone",
            run=run_id,
        )


def find_kept(engine: Engine, settings: Settings, run_id: str) -> list[Leftover]:
    """Return what a run keeps, each with the room that it takes; nothing of it need be there."""
    with engine.connect() as connection:
        run = read_run(connection, run_id)
        hashes = {source.sha256 for source in read_sources(connection, run_id)}
        held = _quarantine(connection, run)
    schemas = [found for found in LeftoverSchemas(engine).find() if found.run_id == run.id]
    return [*schemas, *(found for _, found in _snapshots(engine, settings, hashes)), *held]


def purge_run(
    engine: Engine,
    settings: Settings,
    run_id: str,
    *,
    person: Person | None = None,
    observers: Observers = STANDARD_OBSERVERS,
) -> Purge:
    """Remove what a run keeps for rollback and retry: in the target and the ledger at once, and then its snapshots.

    Raises:
        RunStateError: the run is not at its end, or can be resumed.
        TargetChangedError: others have put something there, or hung it on what is there; nothing was changed.
    """
    with engine.connect() as connection:
        hashes = {source.sha256 for source in read_sources(connection, run_id)}
    with transition(engine, run_id, observers) as locked:
        connection, run = locked.connection, locked.record
        if not run.phase.is_end or (run.phase is Phase.FAILED and run.can_go_on):
            first = NextStep("Give the run up", f"migration-cli cancel {run_id}")
            raise RunStateError(
                f"The run is {run.phase} and needs what it keeps",
                run=run_id,
                remedy=f"Cancel it first: `{first.command}`",
                next_steps=(first,),
            )
        schemas = [found for found in LeftoverSchemas(engine).find_in(connection) if found.run_id == run.id]
        gone = [*schemas, *_quarantine(connection, run)]
        what = [{"kind": found.kind.value, "name": found.name, "bytes": found.bytes} for found in gone]
        act = act_of(run_id, Act.PURGED, person, {"removed": what})
        noted: list[RunActed] = []

        def note_before() -> None:
            """Say it before the first portion goes: no rollback may count on the rest, if this process is killed."""
            if not noted:
                noted.append(act)
                with engine.begin() as other:
                    EventLogObserver(other).observe(act)

        for leftover in schemas:
            _drop_schema(connection, engine, run, leftover, note_before)
        connection.execute(delete(quarantine).where(quarantine.c.run_id == run_id))
        if not noted:
            locked.note(act)
    # From here on the run needs its snapshots no more; where this process ends now, the watchdog removes them.
    snapshots = list(remove_leftovers(_snapshots(engine, settings, hashes)))
    needed = [
        Removal(found, (found.reason,))
        for _, found in _snapshots(engine, settings, hashes)
        if found.is_needed
    ]
    return Purge(
        (*gone, *(removal.leftover for removal in snapshots if not removal.in_the_way)),
        (*(removal for removal in snapshots if removal.in_the_way), *needed),
    )


def _drop_schema(
    connection: Connection, engine: Engine, run: RunRecord, leftover: Leftover, before: Callable[[], None]
) -> None:
    looking = connection.begin_nested()
    changes = _changes(connection, run, leftover)
    looking.rollback()  # reading has taken locks, which would be in the way of the portions
    obstacles = changes or remove_schema_in_portions(
        connection, engine, leftover.name, *_belonging(connection, run, leftover), before=before
    )
    if obstacles:
        raise in_use_by_others(leftover.name, obstacles, then="purge again")


def _belonging(
    connection: Connection, run: RunRecord, leftover: Leftover
) -> tuple[set[str] | None, set[int]]:
    """Return names and oids of what may go with a schema of a run: nothing that others have put there."""
    if leftover.kind is LeftoverKind.STAGING_SCHEMA:
        return made_by(connection, run, leftover.kind), set()
    records = [part["record"] for part in run.cutover or ()]
    names = {entry["name"] for record in records if record.get("data_only") for entry in record["tables"]}
    kept = "tables" if leftover.kind is LeftoverKind.KEPT_SCHEMA else "replaced"
    oids = {
        entry["oid"] for record in records if not record.get("data_only") for entry in record.get(kept, ())
    }
    return names, oids


def _changes(connection: Connection, run: RunRecord, leftover: Leftover) -> list[str]:
    """Return what others have made of the replaced tables since the cutover: rows, and what belongs to the tables."""
    if leftover.kind is not LeftoverKind.PREVIOUS_SCHEMA:
        return []
    noted = {
        entry["oid"]: (entry, recorded_horizon(part["record"].get("horizon")))
        for part in run.cutover or ()
        for entry in part["record"].get("replaced", ())
        if "signature" in entry and entry["kind"] == "table"
    }
    parts, signatures = read_parts(connection, list(noted)), read_signatures(connection, list(noted))
    settings = read_settings(connection, list(noted))
    changes = []
    for relation in relations_in(connection, leftover.name, ("table",)):
        if relation.oid not in noted:
            continue
        entry, horizon = noted[relation.oid]
        name = quoted(relation.schema, relation.name)
        if horizon is not None and horizon.is_sharp:
            written = read_ages(connection, f"ONLY {name}", horizon).younger
            changes += [f"{written:,} rows written to {name}"] if written else []
        changes += [
            f"{line} ({name})"
            for line in changed_lines(entry["shape"], parts.get(relation.oid, []))
            or changed_lines(entry["signature"], signatures.get(relation.oid, []))
            or changed_lines(
                entry.get("settings", ()), settings.get(relation.oid, []) if "settings" in entry else ()
            )
        ]
    return changes


def _quarantine(connection: Connection, run: RunRecord) -> list[Leftover]:
    statement = text(
        "SELECT count(*) AS number, coalesce(sum(pg_catalog.pg_column_size(q.*)), 0)::bigint AS bytes"
        " FROM convoy.quarantine q WHERE q.run_id = :run_id"
    )
    found = connection.execute(statement, {"run_id": run.id}).one()
    if not found.number:
        return []
    name = f"{found.number:,} {'value' if found.number == 1 else 'values'}"
    reason = f"kept for a retry of run {run.id}"
    return [Leftover(LeftoverKind.QUARANTINE, name, found.bytes, True, reason, run.id)]


def _snapshots(engine: Engine, settings: Settings, hashes: set[str]) -> list[tuple[LeftoverPlace, Leftover]]:
    """Return the snapshots of these sources, in the folder and on the stage, each with its place."""
    folder = LeftoverSnapshots(engine, settings.snapshot_dir.absolute(), settings.snapshot_retention_hours)
    places: tuple[LeftoverPlace, ...] = (folder, LeftoverStageObjects(engine, settings))
    kinds = (LeftoverKind.SNAPSHOT, LeftoverKind.STAGE_OBJECT)
    return [
        (place, found)
        for place in places
        for found in place.find()
        if found.kind in kinds and any(sha256 in found.name for sha256 in hashes)
    ]
