"""Two runs that end at the same moment put their tables into one schema one after the other.

What is there is looked at before something is put beside it: whether the schema stands, which names of indexes are
free. Nothing in PostgreSQL holds that still: CREATE SCHEMA IF NOT EXISTS fails, too, where another session has made the
schema and not yet committed. So whoever is to change what a schema holds takes its turn first, and lets it go with the
transaction. Others than Convoy take none: what they make at the same moment is waited for, and found.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.cutover_errors import CutoverBlockedError
from migration.target.cutover.lock_acquisition import is_lock_refusal
from migration.target.pg_catalog.schema_relations import schema_exists
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

_TAKE: Final = text("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(:turn, 0))")
_SHORTEST_MILLISECONDS: Final = 10
# The schema stands, and the row of the catalog that another session has just committed.
_MADE_BY_OTHERS: Final = frozenset({"42P06", "23505"})


def take_schema_turns(connection: Connection, schemas: Collection[str], seconds: float) -> None:
    """Keep other runs from changing what these schemas hold, until the caller's transaction ends.

    To be called before the locks of users' tables are taken: nobody of theirs waits while this one does.

    Raises:
        CutoverBlockedError: another run has its turn for longer than so many seconds. The caller's transaction is to
            roll back.
    """
    end = time.monotonic() + seconds
    for schema in sorted(set(schemas)):  # in one order for all, so that no two wait for each other
        left = max(round((end - time.monotonic()) * 1000), _SHORTEST_MILLISECONDS)
        run_sql(connection, f"SET LOCAL lock_timeout = '{left}ms'")
        try:
            connection.execute(_TAKE, {"turn": f"convoy puts tables into {schema}"})
        except DBAPIError as error:
            if not is_lock_refusal(error):
                raise
            what = f"Another run puts its tables into the schema {schema}, or takes them out"
            raise CutoverBlockedError(what, schema=schema) from error


def make_schema(connection: Connection, schema: str) -> bool:
    """Create a schema where it is not there; returns whether this transaction has.

    Raises:
        DBAPIError: the server refuses it, or the session that is making it does not end.
    """
    if schema_exists(connection, schema):
        return False
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _MADE_BY_OTHERS:
            raise
        attempt.rollback()
        return False
    attempt.commit()
    return True
