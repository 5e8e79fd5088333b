"""What a session of PostgreSQL waits for, beside locks: the server itself says so, to whoever asks another session.

A COMMIT that waits for a standby, or for a disk that hangs, ends by no `statement_timeout` and raises nothing: the
client sees a server that keeps silent. https://www.postgresql.org/docs/current/monitoring-stats.html#WAIT-EVENT-TABLE
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg


class SilentServerError(psycopg.OperationalError):
    """The server has not answered in time. `wait` says what its session waits for; empty: that is not known."""

    def __init__(self, what: str, wait: str = "") -> None:
        super().__init__(what, wait)
        self.what = what
        self.wait = wait

    def __str__(self) -> str:
        return self.what


Ask = Callable[[str], Sequence[Any]]
"""Sends one statement without parameters, and returns its rows."""

STANDBY: Final = ("IPC", "SyncRep")
WITHOUT_STANDBY: Final = "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()"
"""Lets COMMITs return that wait, and those that follow."""
_WORDS: Final = {
    ("IO", "WALSync"): "the disk of PostgreSQL's log (IO/WALSync): look at that disk",
    ("IO", "WALWrite"): "the disk of PostgreSQL's log (IO/WALWrite): look at that disk",
    ("LWLock", "WALWrite"): "the disk of PostgreSQL's log (LWLock/WALWrite): look at that disk",
    (
        "IPC",
        "ProcSignalBarrier",
    ): "a process of PostgreSQL that does not answer it (IPC/ProcSignalBarrier): look into the server's log",
    (
        "BufferPin",
        "BufferPin",
    ): "a page that another session keeps in use (BufferPin), such as by an open cursor: end that session",
}
"""What is no ordinary work of a statement, and may last: type and name of the wait, and words for who waits."""
_STANDBYS: Final = """
SELECT pg_catalog.current_setting('synchronous_standby_names'),
       count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')),
       pg_catalog.string_agg(r.application_name, ', ') FILTER (WHERE r.sync_state IN ('sync', 'quorum')),
       count(r.pid) = count(r.sync_state), current_user
FROM pg_catalog.pg_stat_replication r
"""


# Who is behind whom, to the end: 0 stands for a prepared transaction, which waits for nobody.
_ROOTS: Final = """
WITH RECURSIVE chain AS (
    SELECT pid FROM unnest(CAST('{{{pids}}}' AS int[])) AS direct (pid)
    UNION
    SELECT behind.pid FROM chain CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(chain.pid)) AS behind (pid)
)
SELECT pid FROM chain WHERE cardinality(pg_catalog.pg_blocking_pids(pid)) = 0 ORDER BY pid
"""


def wait_in_words(ask: Ask, kind: str, name: str) -> str:
    """Return what a session waits for and what to do, as words after "waits for"; empty: nothing to speak of."""
    return standby_in_words(ask) if (kind, name) == STANDBY else _WORDS.get((kind, name), "")


def standby_in_words(ask: Ask) -> str:
    """Return for which synchronous standby a COMMIT waits, whether it is attached, and what to do."""
    ((setting, attached, names, may_see, role),) = ask(_STANDBYS)
    named = f"a synchronous standby (synchronous_standby_names = '{setting}'"
    if attached:
        return f"{named}; {names} is attached and has not confirmed it): look at that standby"
    change = f"start it, or let a superuser run: {WITHOUT_STANDBY}"
    if may_see:
        return f"{named}, and none is attached): {change}"
    return f"{named}; whether one is attached, the role {role} may not see: GRANT pg_read_all_stats lets it): {change}"


def missing_standby(ask: Ask) -> tuple[str, bool]:
    """Return what may keep every COMMIT of this session from returning, and whether it is certain; else "" and False.

    Of a session that waits as its role and database have it (`synchronous_commit`).
    """
    ((setting, attached, _, may_see, role),) = ask(_STANDBYS)
    ((waits,),) = ask(
        "SELECT pg_catalog.current_setting('synchronous_commit') NOT IN ('off', 'local')"
        " AND pg_catalog.current_setting('max_wal_senders')::int > 0"
    )
    if not setting or attached or not waits:
        return "", False
    if may_see:
        return f"synchronous_standby_names = '{setting}', and no synchronous standby is attached", True
    return (
        f"synchronous_standby_names = '{setting}', and the role {role} may not see whether a standby is attached",
        False,
    )


def waits_of_process(ask: Ask, process: int) -> str:
    """Return what a session of this server process waits for, as words after "waits for"; empty: nothing known."""
    rows = ask(
        "SELECT wait_event_type, wait_event, pg_catalog.pg_blocking_pids(pid) FROM pg_catalog.pg_stat_activity"
        f" WHERE pid = {int(process)} AND wait_event_type IS NOT NULL"
    )
    for kind, name, blocking in rows:
        if kind == "Lock":
            return lock_in_words(ask, blocking)
        return wait_in_words(ask, kind, name)
    return ""


def root_blockers(ask: Ask, blocking: Sequence[int]) -> list[int]:
    """Return who keeps a session from a lock in the end: of its blockers, those that wait for nobody themselves.

    Who queues for a lock stands in the way of others, too, and to end him helps nobody.

    Args:
        ask: sends one statement.
        blocking: what `pg_blocking_pids` says of the session; 0 stands for a prepared transaction.
    """
    if not blocking:
        return []
    direct = sorted({int(process) for process in blocking})
    found = ask(_ROOTS.format(pids=",".join(map(str, direct))))
    return [
        int(process) for (process,) in found
    ] or direct  # each waits for another: PostgreSQL ends one of them


def lock_in_words(ask: Ask, blocking: Sequence[int]) -> str:
    """Return who holds a lock that is waited for, at the root, and how to end them; empty: nobody does (any more)."""
    sessions = sessions_in_words(ask, root_blockers(ask, blocking))
    return f"a lock that is held by {' and '.join(sessions)}" if sessions else ""


def sessions_in_words(ask: Ask, processes: Sequence[int]) -> tuple[str, ...]:
    """Return a few words on each session: process id, role, application and state, never its statements.

    Of 0, which stands for a prepared transaction, too; of sessions that have ended nothing.
    """
    if not processes:
        return ()
    listed = ", ".join(str(int(process)) for process in processes)
    known = ask(
        "SELECT pg_catalog.format('process %s of PostgreSQL (role %s%s, %s)', pid, usename,"
        " CASE WHEN application_name <> '' THEN ', ' || application_name ELSE '' END,"
        " coalesce(state, 'state unknown'))"
        f" FROM pg_catalog.pg_stat_activity WHERE pid IN ({listed}) ORDER BY pid"
    )
    sessions = tuple(str(words) for (words,) in known)
    return (*sessions, "a prepared transaction") if 0 in processes else sessions  # it has no session
