"""A run that stands still because of other runs: a producer is at them, or workers are at their steps.

Who moves a run holds its advisory lock (`run_lock`), so PostgreSQL knows which runs are being moved at this moment.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from migration.ledger.cluster_of_run import host_that_begins
from migration.ledger.process_presence import STEPS_AT_WORK
from migration.ledger.run_records import RunRecord

_MOST_NAMED: Final = 3
# As pg_locks shows an advisory lock of 64 bits: the upper half in classid, the lower one in objid, objsubid 1.
_HELD: Final = """
EXISTS (SELECT FROM pg_catalog.pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.mode = 'ExclusiveLock'
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
          AND ((hashtextextended(r.id::text, 0) >> 32) & 4294967295) = l.classid::bigint
          AND (hashtextextended(r.id::text, 0) & 4294967295) = l.objid::bigint)
"""
_MOVED: Final = text(
    f"""
    SELECT r.id::text AS id, r.phase,
           (SELECT max(e.at) FROM convoy.events e WHERE e.run_id = r.id AND e.kind = 'phase') AS since
    FROM convoy.runs r WHERE NOT (r.phase = ANY(:ends)) AND {_HELD} ORDER BY r.created_at
    """
)
_OPEN: Final = text(
    f"""
    SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
           (SELECT count(*) {STEPS_AT_WORK} AND s.run_id = :run_id AND s.phase = :phase) AS running
    FROM convoy.steps WHERE run_id = :run_id AND phase = :phase AND state <> 'done'
    """
)
_WORKED_ON: Final = text(
    f"""
    SELECT DISTINCT s.run_id::text AS id, s.phase FROM (SELECT s.* {STEPS_AT_WORK}) s
    JOIN convoy.runs r ON r.id = s.run_id
    WHERE s.run_id <> :run_id AND NOT (r.phase = ANY(:ends)) ORDER BY 1
    """
)


def waits_behind_others(connection: Connection, run: RunRecord) -> str | None:
    """Return what a quiet run waits for, where that is other runs or its turn; None: it is worked on itself.

    Args:
        connection: to the ledger.
        run: one that nothing has happened to for a while; its producer and workers are there.
    """
    ends = [phase.value for phase in type(run.phase) if phase.is_end]
    steps = connection.execute(_OPEN, {"run_id": run.id, "phase": run.phase.value}).one()
    if steps.running:
        return None
    if steps.pending:
        others = connection.execute(_WORKED_ON, {"run_id": run.id, "ends": ends}).all()
        if not others:
            return None
        steps_wait = f"{steps.pending:,} {'step waits' if steps.pending == 1 else 'steps wait'}"
        return f"{steps_wait} for workers, which are at {_named([f'run {one.id} ({one.phase})' for one in others])}."
    return _turn(connection, run, ends)


def _turn(connection: Connection, run: RunRecord, ends: list[str]) -> str:
    """Return which producer is to move a run that has no step, or is at it."""
    moved = connection.execute(_MOVED, {"ends": ends}).all()
    own = next((one for one in moved if one.id == run.id), None)
    if own is not None:
        since = f" since {own.since.astimezone():%H:%M:%S}" if own.since is not None else ""
        return f"A producer has been at what comes after {run.phase.value}{since}: thousands of tables take minutes."
    host = host_that_begins(connection, run)
    if host is not None:
        return (
            f"Only the command on {host} that asked for it can read its source; where that command is gone,"
            " `resume` it there."
        )
    if moved:
        names = _named([f"run {one.id} ({one.phase})" for one in moved])
        return f"It waits for a producer, which is at {names}, before it; another producer would take it now."
    return "It waits for a producer to take it up: each of them looks at all runs every half minute."


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
