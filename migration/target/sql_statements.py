"""SQL text on its way to the server: names quoted, percent signs and colons left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, CursorResult

_STATEMENTS_AT_ONCE: Final = 100


def quoted(*names: str) -> str:
    """Return a name as SQL: ``quoted("public", "my table")`` is ``"public"."my table"``."""
    return sql.Identifier(*names).as_string(None)


def driver_connection(connection: Connection) -> psycopg.Connection[Any]:
    """Return psycopg's connection below SQLAlchemy's, inside the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError(f"expected a psycopg connection, got {type(raw).__name__}")
    return raw


def assigned_sql(value_sql: str, target_type: str) -> str:
    """Return an expression that takes a text into a type as COPY or an assignment of a literal would.

    CAST would cut to a length without a word, in arrays and domains too. The input function of the type, which is given
    the type's length, precision or fields, refuses what the type's owner refuses; this is how an expression reaches it:
    https://www.postgresql.org/docs/current/functions-json.html (jsonb_to_record, strings).

    Args:
        value_sql: an expression of type text.
        target_type: as `format_type` writes it.
    """
    record = f"pg_catalog.jsonb_to_record(pg_catalog.jsonb_build_object('v', {value_sql}::pg_catalog.text))"
    return f"(SELECT assigned.v FROM {record} AS assigned (v {target_type}))"


def written_sql(value_sql: str) -> str:
    """Return an expression that writes a value as COPY does: by the output function of its type; NULL stays NULL.

    A cast to text is something else for some types: that of an inet adds the length of the net.
    """
    return f"CASE WHEN pg_catalog.num_nulls({value_sql}) = 0 THEN pg_catalog.format('%s', {value_sql}) END"


def run_sql(connection: Connection, statement: str) -> CursorResult[Any]:
    """Run one statement exactly as it is written, in the connection's transaction.

    Plans hold user SQL (defaults, checks, views), in which ``%`` and ``:name`` mean themselves.
    """
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def run_all(connection: Connection, statements: Sequence[str]) -> None:
    """Run statements exactly as they are written, many in one message, in the connection's transaction.

    The server runs them one after the other, as it would if they came so, and stops at the first that it refuses: the
    caller's transaction or savepoint is lost then. Where it has to be known which one was refused, they are run again,
    one by one. A message costs client and server about as much as a small statement does.

    Raises:
        DBAPIError: the server refuses one of them.
    """
    for first in range(0, len(statements), _STATEMENTS_AT_ONCE):
        # A line each: one may end with a comment.
        run_sql(connection, ";\n".join(statements[first : first + _STATEMENTS_AT_ONCE]))


def try_all(connection: Connection, statements: Sequence[str]) -> bool:
    """Run statements as `run_all` does, all of them or none; tell whether the server took them.

    Where it did not, nothing has changed, and the caller runs them one by one to learn which it was, and why.

    Raises:
        DBAPIError: the connection broke.
    """
    attempt = connection.begin_nested()
    try:
        run_all(connection, statements)
    except DBAPIError:
        if connection.invalidated:
            raise
        attempt.rollback()
        return False
    attempt.commit()
    return True
