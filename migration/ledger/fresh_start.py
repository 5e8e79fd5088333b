"""A run whose snapshot was found changed begins anew: nothing that was read of it counts."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, text

from migration.errors import SnapshotChangedError
from migration.ledger.event_names import EventName
from migration.ledger.ledger_tables import events, findings, objects, sources, steps
from migration.ledger.run_records import RunRecord
from migration.ledger.table_records import staged_names
from migration.model import Phase
from migration.target.schema_removal import remove_own_schema

_STAGED = text("SELECT nspname FROM pg_catalog.pg_namespace WHERE starts_with(nspname, :staging) ORDER BY 1")


def needs_fresh_start(connection: Connection, run_id: str) -> bool:
    """Whether a run, or a step of it, has failed because its snapshot is not what was frozen, and not begun anew since.

    Rows have been read of the wrong bytes by then, and both sides agree on them. That the file is right again, from a
    backup or because it was the reading that went wrong, heals none of these rows.
    """
    last_freeze = (
        select(func.coalesce(func.max(events.c.id), 0))
        .where(
            events.c.run_id == run_id,
            events.c.kind == EventName.PHASE.value,
            events.c.data["phase"].as_string() == Phase.SNAPSHOTTING.value,
        )
        .scalar_subquery()
    )
    found = select(events.c.id).where(
        events.c.run_id == run_id,
        events.c.id > last_freeze,
        events.c.kind.in_([EventName.FAILED.value, EventName.STEP_FAILED.value]),
        events.c.data["error_details"]["code"].as_string() == SnapshotChangedError.code,
    )
    return connection.execute(found.limit(1)).one_or_none() is not None


def forget_all(connection: Connection, run: RunRecord) -> None:
    """Remove what a run has read, written and planned, in the caller's transaction; waits for steps in flight.

    Raises:
        TargetChangedError: others have put something beside what it has staged, or hung on it.
        ConvoyError: others hold what it has staged.
    """
    made_by_run = staged_names(connection, run.id)
    for table in (
        steps,
        sources,
        findings,
        objects,
    ):  # chunks, tables, quarantine and transforms go with the sources
        connection.execute(delete(table).where(table.c.run_id == run.id))
    for schema in connection.execute(_STAGED, {"staging": run.staging_schema}).scalars().all():
        remove_own_schema(connection, schema, made_by_run, then="resume the run")
