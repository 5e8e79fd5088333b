"""Who else holds, or waits for, locks on relations: as PostgreSQL sees them, in words to act upon."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import sql
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
# Rows of pg_locks without a process are those of prepared transactions. Which one tells the lock that each has on its
# own id: the manual's way, by virtualtransaction, finds only those that a restart has brought back. What a role may not
# see of others is NULL.
_HOLDERS: Final = text(
    """
    SELECT l.relation::bigint AS oid, l.relation::pg_catalog.regclass::text AS relation, l.pid,
           coalesce(a.usename, p.owner, '') AS role, coalesce(a.application_name, '') AS application,
           coalesce(a.state, a.backend_type, '') AS state, a.state_change AS state_since, a.query_start,
           coalesce(a.xact_start, p.prepared) AS xact_start, p.gid
    FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN LATERAL (
        SELECT p.* FROM pg_catalog.pg_locks own JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid
        WHERE l.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid' AND own.granted
          AND own.mode = 'ExclusiveLock' AND own.virtualtransaction = l.virtualtransaction) p ON true
    WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY(CAST(:oids AS oid[])) AND l.mode = ANY(:modes)
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    ORDER BY coalesce(a.xact_start, p.prepared) NULLS FIRST, l.pid, p.gid, l.relation
    """
)


# Of a row of the catalog that a transaction has changed (GRANT, ALTER SEQUENCE) no lock shows but its own.
_WRITERS: Final = text(
    """
    SELECT 0 AS oid, 'what it has changed and not committed' AS relation, a.pid, coalesce(a.usename, '') AS role,
           coalesce(a.application_name, '') AS application, coalesce(a.state, a.backend_type, '') AS state,
           a.state_change AS state_since, a.query_start, a.xact_start, NULL AS gid
    FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
    UNION ALL
    SELECT 0, 'what it has changed and not committed', NULL, p.owner, '', '', NULL, NULL, p.prepared, p.gid
    FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database()
    ORDER BY xact_start NULLS FIRST, pid
    """
)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session with a lock on a relation; times are None for who may not look.

    A prepared transaction has no session: `pid` is None, and `gid` the name to end it by.
    """

    oid: int
    relation: str
    pid: int | None
    role: str
    application: str
    state: str
    state_since: datetime | None
    query_start: datetime | None
    xact_start: datetime | None
    gid: str | None = None

    def words(self) -> str:
        """Return who it is: process, role, application, state and since when. Never its statement."""
        if self.pid is None:
            if self.gid is None:  # it has ended meanwhile
                return "a prepared transaction (see pg_prepared_xacts)"
            since = f", prepared at {_clock(self.xact_start)}" if self.xact_start else ""
            return f"the prepared transaction {_literal(self.gid)} (role {self.role}{since})"
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
    gids = list(dict.fromkeys(holder.gid for holder in holders if holder.gid is not None))
    return tuple(
        NextStep(f"End that session, with what it has not committed (process {pid})", _terminate(pid))
        for pid in pids[:NAMES_SHOWN]
    ) + tuple(
        NextStep(
            f"End that prepared transaction, with what it has changed ({_literal(gid)})",
            f"ROLLBACK PREPARED {_literal(gid)}",
        )
        for gid in gids[:NAMES_SHOWN]
    )


def _literal(words: str) -> str:
    return sql.Literal(words).as_string(None).strip()


def _terminate(pid: int) -> str:
    return f"SELECT pg_terminate_backend({pid})"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
