"""Who holds a step, since when, and what it waits for: as PostgreSQL itself sees the worker's connections.

A worker locks the row of its step, so the lock leads to its connection, and that to all connections of the process,
which share one name. A process that lives shows a sign of life on one of them now and then (steps.keepalive_thread);
one that is stopped (SIGSTOP, a frozen container, a machine without memory) shows none, and holds its lock for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from migration.ledger.disk_room_notices import read_full_disks
from migration.ledger.event_names import EventName
from migration.ledger.waits_for_strangers import OWN
from migration.model import Phase
from migration.target.session_waits import root_blockers, sessions_in_words

_WORTH_A_WORD_SECONDS = 45.0
"""Longer than between two signs of life of a worker."""
_LONG_SECONDS = 60.0
"""A chunk takes seconds, an index of a large table may take minutes."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A step that has been in the hands of a worker for longer than its lease. `part` names chunk and table.

    `silent_seconds` is how long no connection of the process has done anything while PostgreSQL waits for it;
    0 where PostgreSQL is at work or waits for a lock itself. `blockers` say who holds that lock.
    """

    step_id: int
    phase: str
    part: str
    worker: str
    backend: int
    since: datetime
    held_seconds: float
    silent_seconds: float
    silent_since: datetime
    blockers: tuple[str, ...]

    @property
    def is_odd(self) -> bool:
        """Whether somebody who waits should hear of it."""
        silent = self.silent_seconds > _WORTH_A_WORD_SECONDS
        return bool(self.blockers) or silent or self.held_seconds > _LONG_SECONDS

    def sentence(self) -> str:
        """Return what to tell somebody who waits; it stays the same as long as the matter does."""
        begun = f"{self.part} ({self.phase}): {self.worker} has been at it since {_clock(self.since)}"
        if self.silent_seconds > _WORTH_A_WORD_SECONDS:
            return f"{begun}, and has given no sign of life since {_clock(self.silent_since)}"
        if self.blockers:
            return f"{begun}, and waits for a lock that is held by {' and '.join(self.blockers)}"
        return begun


# The visible version of a locked row carries the locker's transaction in xmax; its connection holds the lock on that.
_HOLDS = text(
    f"""
    SELECT s.id AS step_id, s.phase, s.worker, l.pid AS backend, s.claimed_at AS since,
           extract(epoch FROM clock_timestamp() - s.claimed_at)::float8 AS held_seconds,
           CASE WHEN c.id IS NOT NULL THEN format('chunk %s of table %s', c.position, t.name)
                WHEN t.id IS NOT NULL THEN format('table %s', t.name)
                ELSE format('step %s', s.id) END AS part,
           CASE WHEN a.wait_event_type = 'Client' OR a.state LIKE 'idle%'
                THEN greatest(extract(epoch FROM clock_timestamp() - life.sign), 0)::float8
                ELSE 0.0 END AS silent_seconds,
           life.sign AS silent_since, ARRAY(
               -- Rows are read back on a connection of their own: that may be the one that waits.
               SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(o.pid)) FROM pg_catalog.pg_stat_activity o
               WHERE o.datname = a.datname AND o.usename = a.usename AND o.application_name = a.application_name
           ) AS blocking
    FROM convoy.steps s
    JOIN pg_catalog.pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = s.xmax
    JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    CROSS JOIN LATERAL (
        SELECT max(greatest(o.query_start, o.state_change)) AS sign FROM pg_catalog.pg_stat_activity o
        WHERE o.datname = a.datname AND o.usename = a.usename AND o.application_name = a.application_name
    ) life
    LEFT JOIN convoy.tables t ON t.id = coalesce(
        s.table_id, (SELECT table_id FROM convoy.chunks WHERE id = s.chunk_id))
    LEFT JOIN convoy.chunks c ON c.id = s.chunk_id
    WHERE s.run_id = :run_id AND s.state = 'running' AND s.lease_expires_at < clock_timestamp()
      AND a.datname = current_database() AND {OWN}
    ORDER BY s.claimed_at, s.id
    """
)
# Older ones are over, since the watchdog looks more often; so are those after which the run has moved.
_LAST_WAIT = text(
    """
    SELECT e.data ->> 'reason' FROM convoy.events e
    WHERE e.run_id = :run_id AND e.kind = :kind AND e.data ->> 'phase' = :phase
      AND e.at > clock_timestamp() - interval '90 seconds'
      AND NOT EXISTS (SELECT FROM convoy.events moved
                      WHERE moved.run_id = e.run_id AND moved.id > e.id AND moved.kind = ANY(:moves))
    ORDER BY e.id DESC LIMIT 1
    """
)
_MOVES = [EventName.PHASE.value, EventName.PLANNED.value, EventName.SENT.value]
_END = text(
    """
    SELECT count(pg_catalog.pg_terminate_backend(o.pid))
    FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_stat_activity o
      ON o.datname = a.datname AND o.usename = a.usename AND o.application_name = a.application_name
    WHERE a.pid = :backend AND o.pid <> pg_catalog.pg_backend_pid()
    """
)
_USERS = text(
    """
    SELECT DISTINCT l.pid FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) AS wanted (schema, name)
      ON wanted.schema = n.nspname AND wanted.name = c.relname
    WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    """
)


def read_holds(connection: Connection, run_id: str) -> list[Hold]:
    """Return the run's steps that have been in a worker's hands for longer than a lease, the oldest first."""

    def ask(statement: str) -> Sequence[Any]:
        return connection.execute(text(statement)).all()

    holds = []
    for row in connection.execute(_HOLDS, {"run_id": run_id}):
        values = row._asdict()
        blocking = values.pop("blocking")
        holds.append(Hold(**values, blockers=describe_sessions(connection, root_blockers(ask, blocking))))
    return holds


def end_silent(connection: Connection, run_id: str, silence_seconds: float) -> list[Hold]:
    """End all connections of processes that have been silent for so long, and return what they held.

    Their transactions roll back, so that nothing of the step stays, and the steps are free for other workers. A
    process that comes to itself later finds its connections closed, and can commit nothing.
    """
    silent = [hold for hold in read_holds(connection, run_id) if hold.silent_seconds > silence_seconds]
    for hold in silent:
        connection.execute(_END, {"backend": hold.backend})
    return silent


def table_users(connection: Connection, tables: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """Return who else holds locks on these tables (schema, name) now."""
    if not tables:
        return ()
    schemas, names = zip(*sorted(tables), strict=True)
    pids = connection.execute(_USERS, {"schemas": list(schemas), "names": list(names)}).scalars()
    return describe_sessions(connection, list(pids))


def read_waits(connection: Connection, run_id: str, phase: Phase) -> tuple[str, ...]:
    """Return a sentence for each thing that a run waits for now; nothing where it moves."""
    told = [hold.sentence() for hold in read_holds(connection, run_id) if hold.is_odd]
    told += [disk.sentence() for disk in read_full_disks(connection, run_id)]
    values = {"run_id": run_id, "phase": phase.value, "kind": EventName.WAITING.value, "moves": _MOVES}
    told += connection.execute(_LAST_WAIT, values).scalars()
    return tuple(told)


def describe_sessions(connection: Connection, pids: Sequence[int]) -> tuple[str, ...]:
    """Return a few words on each session: process id, role, application and state, never its statements."""
    return sessions_in_words(lambda statement: connection.execute(text(statement)).all(), pids)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
