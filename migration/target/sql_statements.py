"""SQL text on its way to the server: names quoted, percent signs and colons left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult


def quoted(*names: str) -> str:
    """Return a name as SQL: ``quoted("public", "my table")`` is ``"public"."my table"``."""
    return sql.Identifier(*names).as_string(None)


def run_sql(connection: Connection, statement: str) -> CursorResult[Any]:
    """Run one statement exactly as it is written, in the connection's transaction.

    Plans hold user SQL (defaults, checks, views), in which ``%`` and ``:name`` mean themselves.
    """
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
