"""The time zone in which PostgreSQL reads the times of a source's own SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_UTC = "UTC"


def read_times_in(connection: Connection, zone: str) -> None:
    """Let times without an offset mean this zone until the transaction ends.

    Defaults, checks, predicates of indexes and views hold such times as texts, and the rows beside them are read in
    the source's zone (`--source-timezone`). A server that does not know the zone reads them in UTC.
    """
    if zone == _UTC:
        return
    savepoint = connection.begin_nested()
    try:
        connection.execute(text("SELECT pg_catalog.set_config('TimeZone', :zone, true)"), {"zone": zone})
    except DBAPIError:
        savepoint.rollback()
    else:
        savepoint.commit()
