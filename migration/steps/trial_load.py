"""A dry-run's questions to the server: rows and index entries that may be too large are tried, and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from migration.model import ColumnProfile, TablePlan, TargetObject
from migration.run_options import RunOptions
from migration.schema_translation.postgres_limits import (
    entries_at_risk,
    may_refuse_entries,
    may_refuse_rows,
)
from migration.steps.refusal_tolerant_copy import RowStream, load_rows
from migration.target.loading.index_and_constraint_creation import meets_limit, reason_of
from migration.target.postgres_errors import translate
from migration.target.sql_statements import quoted, run_sql

REFUSED_OBJECTS: Final = "refused_objects"
"""Where the outcome of a step keeps what `try_rows` found: kind, name and reason of each."""
_STANDING_INDEXES: Final = text(
    "SELECT i.relname AS name, pg_catalog.pg_get_indexdef(i.oid) AS definition"
    " FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_catalog.pg_class c ON c.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :table ORDER BY 1"
)
S = TypeVar("S", bound=RowStream)


@dataclass(frozen=True, slots=True)
class RefusedObject:
    """A key or index that the values of a table are too long for, and the server's words."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Risks:
    """What is worth asking the server about one table.

    `objects` are built on the rows, and stay behind where they cannot be. `standing` are the indexes of a table that
    the application has made, as SQL that builds their like before the rows: there it is the rows that stay behind.
    """

    plan: TablePlan
    objects: tuple[TargetObject, ...]
    standing: tuple[str, ...]


def find_risks(
    connection: Connection, plan: TablePlan, profiles: Mapping[str, ColumnProfile], options: RunOptions
) -> Risks | None:
    """Return what of a table may be too large for the server; None where nothing can be."""
    objects = entries_at_risk(plan, profiles)
    standing: tuple[str, ...] = ()
    if options.data_only and may_refuse_entries(plan.columns, profiles):
        named = {"schema": plan.target_schema, "table": plan.target_name}
        standing = tuple(
            f"CREATE INDEX {quoted(row.name)} ON {{table}} USING {row.definition.partition(' USING ')[2]}"
            for row in connection.execute(_STANDING_INDEXES, named)
        )
    if objects or standing or may_refuse_rows(plan, profiles):
        return Risks(plan, objects, standing)
    return None


def try_rows(
    connection: Connection, driver: psycopg.Connection[Any], schema: str, risks: Risks, read: Callable[[], S]
) -> tuple[S, int, list[RefusedObject]]:
    """Load a chunk into a table of a schema that is gone afterwards, and build on it what may not be built.

    Args:
        connection: in a transaction that the caller ends, and stays usable.
        driver: psycopg's connection below it.
        schema: a name that nobody else uses.
        risks: the table.
        read: begins to read the chunk, from its first row.

    Returns:
        The stream, read to its end; the bytes sent; the objects that the server refuses for a value's length.

    Raises:
        ConvoyError: the server refuses something other than a row or an index entry.
    """
    plan = risks.plan
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
        run_sql(connection, plan.create_sql.replace("{schema}", quoted(schema)))
        for statement in risks.standing:
            _why_too_long(connection, statement.replace("{table}", quoted(schema, plan.target_name)))
        stream, bytes_sent = load_rows(connection, driver, schema, plan, read)
        refused = [
            RefusedObject(item.kind, item.name, reason)
            for item in risks.objects
            if (reason := _why_too_long(connection, item.sql.replace("{schema}", quoted(schema))))
        ]
    except DBAPIError as error:
        raise translate(error, table=plan.target_name) from error
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()
    return stream, bytes_sent, refused


def _why_too_long(connection: Connection, statement: str) -> str:
    """Build an index; return why a value is too long for it, and nothing where it cannot be built otherwise."""
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, statement)
    except DBAPIError as error:
        if connection.invalidated:
            raise
        savepoint.rollback()
        return reason_of(error) if meets_limit(error) else ""
    savepoint.commit()
    return ""
