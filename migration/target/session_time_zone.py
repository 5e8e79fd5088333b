"""The time zone in which PostgreSQL reads the times of a source's own SQL."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_UTC = "UTC"
_SET = text("SELECT pg_catalog.set_config('TimeZone', :zone, true)")


@contextmanager
def times_read_in(connection: Connection, zone: str) -> Iterator[None]:
    """Let times without an offset mean this zone; afterwards UTC again, in which the server tells what it has read.

    Defaults, checks, predicates of indexes and views hold such times as texts, and the rows beside them are read in
    the source's zone (`--source-timezone`). A server that does not know the zone reads them in UTC.
    """
    if zone == _UTC:
        yield
        return
    savepoint = connection.begin_nested()
    try:
        connection.execute(_SET, {"zone": zone})
    except DBAPIError:
        savepoint.rollback()
    else:
        savepoint.commit()
    yield  # an error takes the setting with it, as it does the transaction or savepoint
    connection.execute(_SET, {"zone": _UTC})
