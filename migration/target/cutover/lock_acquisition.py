"""All locks of a cutover or rollback, taken at its beginning in one order, in a short try that leaves nothing behind.

Whoever waits for a lock of a table has everybody queue behind it who comes later. So a try has an end, and it waits
long only while it holds no table of users: it takes all at once with hardly a wait, and where that fails, it lets all
go and waits for the one that was not to be had. A session of users that waits for us finds us done or gone before its
own search for deadlocks begins (`deadlock_timeout`), so that none of users' transactions is ended as a victim.
https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.cutover_errors import CutoverBlockedError
from migration.errors import RetryableError
from migration.target.pg_catalog.lock_holders import LockHolder, lock_holders, name_holders, ways_to_end
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

EXCLUSIVE: Final = "ACCESS EXCLUSIVE"
AGAINST_WRITERS: Final = "SHARE ROW EXCLUSIVE"
_BRIEF_SECONDS: Final = 0.3
_SHORTEST_SECONDS: Final = 0.01
# Lock not available, deadlock, and a statement that took too long: the last is how a wait for many locks ends.
_REFUSALS: Final = frozenset({"55P03", "40P01", "57014"})
_LOCKABLE: Final = text(
    "SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND (n.nspname = ANY(:staged)"
    # Of a table that a key refers to, REFERENCES is all that is needed: it is locked as the key is made.
    " OR (c.oid = ANY(CAST(:oids AS oid[])) AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'))"
    " OR (n.nspname, c.relname) IN"
    " (SELECT * FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])))) ORDER BY c.oid"
)
_SERVER: Final = text(
    "SELECT clock_timestamp() AS begun, setting::float8 / 1000 AS deadlock_seconds"
    " FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
)
_RELATED: Final = text(
    "WITH own AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]))))"
    " SELECT DISTINCT CASE WHEN k.conrelid IN (SELECT oid FROM own) THEN k.confrelid ELSE k.conrelid END::bigint"
    " FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'"
    " AND (k.conrelid IN (SELECT oid FROM own) OR k.confrelid IN (SELECT oid FROM own)) ORDER BY 1"
)
_REFERRED_TO: Final = text(
    "SELECT DISTINCT k.confrelid::bigint FROM pg_catalog.pg_constraint k"
    " WHERE k.contype = 'f' AND k.conrelid = ANY(CAST(:oids AS oid[]))"
)

_REFERRING: Final = text(
    "SELECT DISTINCT k.conrelid::bigint FROM pg_catalog.pg_constraint k"
    " JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " WHERE k.contype = 'f' AND k.confrelid = ANY(CAST(:oids AS oid[])) AND pg_catalog.pg_has_role(c.relowner, 'USAGE')"
)


@dataclass(frozen=True, slots=True)
class WantedLocks:
    """Which tables a cutover or rollback needs for itself.

    `staged` are schemas of runs, all tables of which are taken; `tables` are (schema, name) of users' tables, of which
    those count that stand; `oids` those of others. `mode` is `EXCLUSIVE`, or `AGAINST_WRITERS` for users' tables.
    """

    staged: Collection[str] = ()
    tables: Collection[tuple[str, str]] = ()
    oids: Collection[int] = ()
    mode: str = EXCLUSIVE


@dataclass(frozen=True, slots=True)
class _Lockable:
    oid: int
    sql: str


def take_locks(connection: Connection, wanted: WantedLocks, seconds: float) -> None:
    """Take all locks in the caller's transaction, within so many seconds, or none of them.

    What the transaction does afterwards waits for other locks (of views, sequences) for a moment only.

    Raises:
        CutoverBlockedError: other sessions hold some; it names them. The caller's transaction is to roll back.
    """
    end = time.monotonic() + seconds
    begun, deadlock_seconds = connection.execute(_SERVER).one()
    brief = min(_BRIEF_SECONDS, seconds, deadlock_seconds / 2)
    own, theirs = _lockable(connection, wanted)
    with _refusals_named(connection, own, EXCLUSIVE):
        _lock(connection, own, EXCLUSIVE, seconds)
    awaited: list[_Lockable] = []
    while True:
        attempt = connection.begin_nested()
        try:
            _lock(connection, awaited, wanted.mode, max(end - time.monotonic(), _SHORTEST_SECONDS))
            _lock(connection, theirs, wanted.mode, brief)
        except DBAPIError as error:
            if not is_lock_refusal(error):
                raise
            attempt.rollback()
            holders = _in_the_way(
                lock_holders(connection, [table.oid for table in theirs], wanted.mode), begun
            )
            if time.monotonic() >= end:
                raise _blocked(holders, theirs) from error
            held = {holder.oid for holder in holders}
            awaited = [table for table in theirs if table.oid in held][:1]
        else:
            attempt.commit()
            break
    run_sql(connection, f"SET LOCAL lock_timeout = '{_milliseconds(brief)}ms'")
    run_sql(connection, "SET LOCAL statement_timeout = 0")


def related_by_keys(connection: Connection, tables: Collection[tuple[str, str]]) -> list[int]:
    """Return the tables of other names that foreign keys tie to these (schema, name): their keys change hands."""
    pairs = sorted(set(tables))
    values = {"schemas": [schema for schema, _ in pairs], "names": [name for _, name in pairs]}
    return list(connection.execute(_RELATED, values).scalars())


def referred_to(connection: Connection, oids: Collection[int]) -> list[int]:
    """Return the tables that foreign keys of these refer to: to drop such a key, they are locked, too."""
    return list(connection.execute(_REFERRED_TO, {"oids": list(oids)}).scalars())


def referring_to(connection: Connection, oids: Collection[int]) -> list[int]:
    """Return the tables of the session's role whose foreign keys refer to these: such a key may have to make way."""
    return list(connection.execute(_REFERRING, {"oids": list(oids)}).scalars())


@contextmanager
def lock_refusals_told(run_id: str) -> Iterator[None]:
    """Raise a refused lock of what cannot be taken beforehand (views, sequences) as `take_locks` does for tables.

    Raises:
        CutoverBlockedError: another session holds it; who, the caller asks on a connection that is not in a failed
            transaction.
    """
    try:
        yield
    except (RetryableError, DBAPIError) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        if not isinstance(cause, DBAPIError) or not is_lock_refusal(cause):
            raise
        what = "Another session holds a lock that is needed, of a view, right or sequence perhaps"
        raise CutoverBlockedError(what, run=run_id) from error


def is_lock_refusal(error: DBAPIError) -> bool:
    """Whether a statement was refused a lock, or was ended while it waited for some."""
    return getattr(error.orig, "sqlstate", None) in _REFUSALS


def _lockable(connection: Connection, wanted: WantedLocks) -> tuple[list[_Lockable], list[_Lockable]]:
    """Return the run's own tables and those of users, each by object id: the same order for every run."""
    pairs = sorted(set(wanted.tables))
    values = {
        "staged": list(wanted.staged),
        "oids": list(wanted.oids),
        "schemas": [schema for schema, _ in pairs],
        "names": [name for _, name in pairs],
    }
    own: list[_Lockable] = []
    theirs: list[_Lockable] = []
    for row in connection.execute(_LOCKABLE, values):
        # A table alone, not its children, which are others; of a partitioned one, the partitions are the table.
        only = "ONLY " if row.kind == "r" else ""
        lockable = _Lockable(row.oid, f"{only}{quoted(row.schema, row.name)}")
        (own if row.schema in wanted.staged else theirs).append(lockable)
    return own, theirs


def _lock(connection: Connection, tables: Sequence[_Lockable], mode: str, seconds: float) -> None:
    """Lock tables in the order given; all the waiting together lasts no longer than that."""
    if not tables:
        return
    limit = _milliseconds(seconds)
    run_sql(connection, f"SET LOCAL lock_timeout = '{limit}ms'")
    # Each lock has its own lock_timeout; the statement has one for all.
    run_sql(connection, f"SET LOCAL statement_timeout = '{limit + 1}ms'")
    run_sql(connection, f"LOCK TABLE {', '.join(table.sql for table in tables)} IN {mode} MODE")


@contextmanager
def _refusals_named(connection: Connection, tables: Sequence[_Lockable], mode: str) -> Iterator[None]:
    attempt = connection.begin_nested()
    try:
        yield
    except DBAPIError as error:
        if not is_lock_refusal(error):
            raise
        attempt.rollback()
        raise _blocked(lock_holders(connection, [table.oid for table in tables], mode), tables) from error
    attempt.commit()


def _blocked(holders: Sequence[LockHolder], tables: Sequence[_Lockable]) -> CutoverBlockedError:
    if not holders:
        return CutoverBlockedError(
            f"Other sessions hold locks that are needed, one after the other, on some of {len(tables)} tables"
        )
    return CutoverBlockedError(
        f"Another session holds a lock that is needed: {name_holders(holders)}",
        next_steps=ways_to_end(holders),
    )


def _in_the_way(holders: Sequence[LockHolder], begun: datetime) -> list[LockHolder]:
    """Return those who were there before the try: others have queued behind it, and got the lock as it let go."""
    before = [h for h in holders if h.state != "idle" and (h.xact_start is None or h.xact_start <= begun)]
    return before or list(holders)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
