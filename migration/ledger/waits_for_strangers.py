"""Who else keeps Convoy's processes from their work: sessions of others with locks, a standby that is gone.

A worker passes over a step that is locked (SKIP LOCKED), and waits for nothing: the run stands still, and neither it
nor PostgreSQL says why. Producers and workers that do wait are seen by the wait that their sessions show.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from migration.target.session_waits import STANDBY, root_blockers, sessions_in_words, wait_in_words

OWN: Final = "(a.application_name = 'convoy' OR a.application_name LIKE 'convoy %')"
"""Sessions `a` of Convoy's."""
_LASTING_SECONDS: Final = 3.0
"""Longer than any wait of Convoy's own processes for each other, and than one try of a cutover."""
# Who writes to rows, or locks them, has a lock on the table that is stronger than a reader's.
_LOCKERS: Final = text(
    f"""
    SELECT DISTINCT l.pid FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.relation = CAST('convoy.steps' AS regclass)
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND l.mode <> 'AccessShareLock' AND NOT ({OWN} AND a.pid IS NOT NULL)
    """
)
# The visible version of a locked row carries the locker's transaction in xmax, where there is but one.
_LOCKED: Final = text(
    """
    SELECT l.pid, count(*) FROM convoy.steps s
    JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = s.xmax
    WHERE s.run_id = :run_id AND s.state IN ('pending', 'running') AND l.pid = ANY(:pids)
    GROUP BY l.pid ORDER BY l.pid
    """
)
_WAITING: Final = text(
    f"""
    SELECT a.application_name AS name, a.wait_event_type AS kind, a.wait_event AS event,
           CASE WHEN a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) END AS blocking
    FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = current_database() AND {OWN} AND a.state = 'active' AND a.pid <> pg_catalog.pg_backend_pid()
      AND NOT (a.application_name LIKE 'convoy api%' OR a.application_name LIKE 'convoy cli%')
      AND (a.wait_event_type = 'Lock' OR a.wait_event = '{STANDBY[1]}')
      AND a.query_start < clock_timestamp() - make_interval(secs => :seconds)
    ORDER BY a.application_name
    """
)
_OWN_AMONG: Final = text(
    f"SELECT a.pid FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY(:pids) AND {OWN}"
)


def locked_steps(connection: Connection, run_id: str) -> list[str]:
    """Return a sentence for each session of others that has locked steps of a run which workers are to take."""
    lockers = list(connection.execute(_LOCKERS).scalars())
    if not lockers:
        return []
    told = []
    for pid, steps in connection.execute(_LOCKED, {"run_id": run_id, "pids": lockers}).all():
        whose = "1 step of the run is" if steps == 1 else f"{steps:,} steps of the run are"
        told.append(
            f"{whose} locked by {_named(connection, [pid])}, and workers pass them over: {_way_out([pid])}."
        )
    return told


def lockers_of_steps(connection: Connection) -> str:
    """Return who may have locked steps, where it cannot be told row by row (several lock one); empty: nobody."""
    lockers = sorted(pid or 0 for pid in connection.execute(_LOCKERS).scalars())
    if not lockers:
        return ""
    whose = _named(connection, lockers)
    return f"Workers pass over steps that others have locked, as {whose} may: {_way_out(lockers)}."


def blocked_processes(connection: Connection) -> list[str]:
    """Return a sentence for each thing of others that producers and workers of this database wait for now."""
    told = []
    for wait in connection.execute(_WAITING, {"seconds": _LASTING_SECONDS}).all():
        if wait.kind != "Lock":
            told.append(f"{wait.name} waits for {wait_in_words(_asking(connection), wait.kind, wait.event)}.")
            continue
        strangers = _strangers(connection, root_blockers(_asking(connection), wait.blocking))
        if strangers:
            whose = _named(connection, strangers)
            told.append(f"{wait.name} waits for a lock that is held by {whose}: {_way_out(strangers)}.")
    return told


def _strangers(connection: Connection, pids: Collection[int]) -> list[int]:
    own = set(connection.execute(_OWN_AMONG, {"pids": list(pids)}).scalars())
    return sorted(set(pids) - own)


def _asking(connection: Connection) -> Any:
    def ask(statement: str) -> Sequence[Any]:
        return connection.execute(text(statement)).all()

    return ask


def _named(connection: Connection, pids: Sequence[int]) -> str:
    return " and ".join(sessions_in_words(_asking(connection), pids)) or "a session that has just ended"


def _way_out(pids: Sequence[int]) -> str:
    """Return what ends locks; 0 stands for a prepared transaction, which has no session."""
    ends = [f"SELECT pg_terminate_backend({pid})" for pid in pids if pid]
    if not ends:
        return "let it commit or roll back (pg_prepared_xacts lists them)"
    return f"let it commit or roll back, or end it with {'; '.join(ends)}"
