"""Rows that were written since a moment, counted by the transaction ids that PostgreSQL keeps with each row.

That needs no value of the row: a table is passed over ten to thirty times as fast as it is read. The price is that a
row counts as young where nobody can tell, never the other way round:

- a transaction that is older than the moment may write after it, so only what is older than every transaction that was
  running then is old;
- whatever rewrites a table makes all of its rows young, but for VACUUM FULL and CLUSTER, which keep the ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from migration.target.sql_statements import run_sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_NOW: Final = text(
    "SELECT pg_catalog.pg_current_xact_id()::text::bigint AS own,"
    " pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint AS oldest"
)


@dataclass(frozen=True, slots=True)
class RowHorizon:
    """A moment in the life of a server. What has a smaller transaction id than `xid` was written before it.

    `is_sharp`: nothing else was running, so that what has a larger one was written after it.
    """

    xid: int
    is_sharp: bool

    def recorded(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"xid": self.xid, "is_sharp": self.is_sharp}


@dataclass(frozen=True, slots=True)
class RowAges:
    """Rows of a table before and after a horizon."""

    older: int
    younger: int


def read_horizon(connection: Connection) -> RowHorizon:
    """Return the present moment, as the caller's transaction sees it."""
    # Twice: the first statement may be what gives the transaction its id, after its snapshot was taken.
    connection.execute(_NOW)
    now = connection.execute(_NOW).one()
    return RowHorizon(now.oldest, now.oldest == now.own)


def recorded_horizon(entry: Mapping[str, Any] | None) -> RowHorizon | None:
    """Return what `RowHorizon.recorded` has written; None where nothing was."""
    return None if entry is None else RowHorizon(int(entry["xid"]), bool(entry["is_sharp"]))


def is_younger_sql(connection: Connection, horizon: RowHorizon) -> str:
    """Return SQL that holds for the rows of a table `t` that are younger than a horizon."""
    own = connection.execute(_NOW).one().own
    # age() counts from the transaction's own id, which it has by now; PostgreSQL keeps the lower half of the ids only.
    return f"{own}::bigint - pg_catalog.age(t.xmin)::bigint >= {horizon.xid}::bigint"


def read_ages_by_snapshot(connection: Connection, table: str, snapshot: str) -> RowAges:
    """Count the rows of a table by whether a ``pg_snapshot`` sees them; `table` as in `read_ages`.

    Rows are grouped by their transaction first, which PostgreSQL does in parallel.
    """
    own = connection.execute(_NOW).one().own
    # Frozen rows of old are told as older than all ids; ids begin at 3.
    xid = f"greatest({own}::bigint - pg_catalog.age(x)::bigint, 3)::text::xid8"
    statement = (
        f"SELECT coalesce(sum(rows), 0)::bigint AS rows, coalesce(sum(rows) FILTER"
        f" (WHERE pg_catalog.pg_visible_in_snapshot({xid}, '{snapshot}'::pg_snapshot)), 0)::bigint AS older"
        f" FROM (SELECT t.xmin AS x, count(*) AS rows FROM {table} t GROUP BY t.xmin) ids"
    )
    found = run_sql(connection, statement).one()
    return RowAges(found.older, found.rows - found.older)


def read_ages(connection: Connection, table: str, horizon: RowHorizon) -> RowAges:
    """Count the rows of a table; it is quoted, with ONLY where the rows of its children are not meant."""
    younger = is_younger_sql(connection, horizon)
    statement = f"SELECT count(*) AS rows, count(*) FILTER (WHERE {younger}) AS younger FROM {table} t"
    found = run_sql(connection, statement).one()
    return RowAges(found.rows - found.younger, found.younger)
