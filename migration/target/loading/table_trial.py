"""Which tables the server does not create at all: too many columns for it, say. Asked of the server, and undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from migration.target.loading.index_and_constraint_creation import (
    is_refusal,
    meets_limit,
    reason_of,
)
from migration.target.loading.staging_schema import sequences_make_way
from migration.target.postgres_errors import translate
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan


@dataclass(frozen=True, slots=True)
class RefusedTable:
    """A table that the server does not create, and its words. `is_limit`: because it is too large in some way."""

    plan: TablePlan
    reason: str
    is_limit: bool


def refused_tables(connection: Connection, plans: Sequence[TablePlan], schema: str) -> list[RefusedTable]:
    """Create the plans' empty tables in a schema of this name, which is not there yet, and undo it all.

    Raises:
        ConvoyError: as `translate` says; the server refuses more than a table.
    """
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
        tried = [try_table(connection, plan, schema) for plan in sequences_make_way(plans)]
    except DBAPIError as error:
        raise translate(error, schema=schema) from error
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()
    return [refused for refused in tried if refused is not None]


def try_table(connection: Connection, plan: TablePlan, schema: str) -> RefusedTable | None:
    """Create one table; return why the server refused it, or None.

    Raises:
        DBAPIError: something other than the table is wrong.
    """
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, plan.create_sql.replace("{schema}", quoted(schema)))
    except DBAPIError as error:
        if not connection.invalidated:
            savepoint.rollback()
        if not is_refusal(error):
            raise
        return RefusedTable(plan, reason_of(error), meets_limit(error))
    savepoint.commit()
    return None
