"""Who else holds, or waits for, locks on relations: as PostgreSQL sees them, in words to act upon."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from migration.convoy_error import NextStep
from migration.name_lists import NAMES_SHOWN, some

# Which modes conflict: https://www.postgresql.org/docs/current/explicit-locking.html#TABLE-LOCK-COMPATIBILITY
_CONFLICTING: Final = {
    "ACCESS EXCLUSIVE": (
        *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
        *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
    ),
    "SHARE ROW EXCLUSIVE": (
        *("RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock"),
        *("ExclusiveLock", "AccessExclusiveLock"),
    ),
}
# Rows of pg_locks without a process are those of prepared transactions. What a role may not see of others is NULL.
_HOLDERS: Final = text(
    """
    SELECT l.relation::bigint AS oid, l.relation::pg_catalog.regclass::text AS relation, l.pid,
           coalesce(a.usename, '') AS role, coalesce(a.application_name, '') AS application,
           coalesce(a.state, a.backend_type, '') AS state, a.state_change AS state_since, a.query_start,
           a.xact_start
    FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY(CAST(:oids AS oid[])) AND l.mode = ANY(:modes)
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    ORDER BY a.xact_start NULLS FIRST, l.pid, l.relation
    """
)


# Of a row of the catalog that a transaction has changed (GRANT, ALTER SEQUENCE) no lock shows but its own.
_WRITERS: Final = text(
    """
    SELECT 0 AS oid, 'what it has changed and not committed' AS relation, a.pid, coalesce(a.usename, '') AS role,
           coalesce(a.application_name, '') AS application, coalesce(a.state, a.backend_type, '') AS state,
           a.state_change AS state_since, a.query_start, a.xact_start
    FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
    ORDER BY a.xact_start NULLS FIRST, a.pid
    """
)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session with a lock on a relation. `pid` is None for a prepared transaction, times for who may not look."""

    oid: int
    relation: str
    pid: int | None
    role: str
    application: str
    state: str
    state_since: datetime | None
    query_start: datetime | None
    xact_start: datetime | None

    def words(self) -> str:
        """Return who it is: process, role, application, state and since when. Never its statement."""
        if self.pid is None:
            return "a prepared transaction (see pg_prepared_xacts)"
        facts = [f"role {self.role}"] if self.role else []
        facts += [self.application] if self.application else []
        if self.state:
            since = f" since {_clock(self.state_since)}" if self.state_since else ""
            facts.append(f"{self.state}{since}")
        if self.xact_start:
            facts.append(f"in a transaction since {_clock(self.xact_start)}")
        if self.query_start:
            facts.append(f"its last statement began at {_clock(self.query_start)}")
        return f"process {self.pid} of PostgreSQL ({', '.join(facts) or 'of another role'})"


def lock_holders(connection: Connection, oids: Collection[int], mode: str) -> list[LockHolder]:
    """Return who holds a lock on one of the relations that conflicts with `mode`, the oldest transaction first."""
    values = {"oids": list(oids), "modes": list(_CONFLICTING[mode])}
    return [LockHolder(*row) for row in connection.execute(_HOLDERS, values)]


def open_writers(connection: Connection) -> list[LockHolder]:
    """Return the sessions of this database that have changed something and not ended their transaction."""
    return [LockHolder(*row) for row in connection.execute(_WRITERS)]


def name_holders(holders: Sequence[LockHolder]) -> str:
    """Return a sentence on who holds what, without a full stop; the oldest transactions first."""
    by_session: dict[str, list[str]] = {}
    for holder in holders:
        by_session.setdefault(holder.words(), []).append(holder.relation)
    said = [f"{words} holds {some(relations)}" for words, relations in by_session.items()]
    return some(said, separator="; ")


def ways_to_end(holders: Sequence[LockHolder]) -> tuple[NextStep, ...]:
    """Return the statements that end these sessions, for who may do that."""
    pids = list(dict.fromkeys(holder.pid for holder in holders if holder.pid is not None))
    return tuple(
        NextStep(f"End that session, with what it has not committed (process {pid})", _terminate(pid))
        for pid in pids[:NAMES_SHOWN]
    )


def _terminate(pid: int) -> str:
    return f"SELECT pg_terminate_backend({pid})"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
