"""Rows that stand in an application's tables before a load: put aside, taken out, and found again by its rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.convoy_error import Place
from migration.errors import TargetChangedError
from migration.name_lists import some
from migration.target.application_tables.incoming_foreign_keys import (
    incoming_keys,
    key_rights,
    keys_taken_off,
)
from migration.target.application_tables.row_transfer import triggers_at_rest
from migration.target.missing_rights import refuse_lacking
from migration.target.pg_catalog.application_table_facts import (
    ApplicationTable,
    application_tables_with,
    holds_rows,
    read_application_tables,
)
from migration.target.pg_catalog.schema_relations import relations_in
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from migration.model import ObjectResult


def set_aside(
    connection: Connection, tables: Sequence[ApplicationTable], previous: str, *, may_fire: bool
) -> tuple[dict[str, int], list[ObjectResult]]:
    """Copy what rows there are to the previous schema and empty the tables.

    Returns:
        Name → oid of each copy, and lines for the report.
    """
    kept = copy_aside(connection, tables, previous)
    return kept, empty(connection, tables, may_fire=may_fire) if kept else []


def copy_aside(connection: Connection, tables: Sequence[ApplicationTable], previous: str) -> dict[str, int]:
    """Copy what rows there are to the previous schema, which is created; return name → oid of each copy."""
    full = [table for table in tables if holds_rows(connection, table)]
    if not full:
        return {}
    run_sql(connection, f"CREATE SCHEMA {quoted(previous)}")
    for table in full:
        copy = f"CREATE TABLE {quoted(previous, table.name)} AS SELECT * FROM {table.own_rows}"
        run_sql(connection, copy)
    return {relation.name: relation.oid for relation in relations_in(connection, previous, ("table",))}


def kept_rows(
    connection: Connection, table: ApplicationTable, entry: Mapping[str, Any], previous: str
) -> str:
    """Return the quoted table that keeps the rows which stood in a table before the run.

    Raises:
        TargetChangedError: it is gone, or the columns of the table are others now.
    """
    place: Place = {"schema": table.schema, "table": table.name}
    oid = entry.get("kept_oid")
    if oid is None:  # recorded by an older version
        by_name = read_application_tables(connection, previous, [entry["name"]])
        copy = by_name.get(entry["name"])
    else:
        copy = application_tables_with(connection, [oid]).get(oid)
    if copy is None:
        raise TargetChangedError(
            "The rows that stood here before are gone; the table that kept them has been dropped",
            remedy=f"Restore it in schema {previous} from a backup; nothing was changed",
            **place,
        )
    now, then = ({(c.name, c.type) for c in t.columns} for t in (table, copy))
    if now != then:
        raise TargetChangedError(
            "Columns have been added, dropped, renamed or changed since the run:"
            f" {some(sorted({name for name, _ in now ^ then}))}",
            remedy="Take these changes back, then roll back again; nothing was changed",
            **place,
        )
    return copy.sql


def empty(
    connection: Connection, tables: Sequence[ApplicationTable], *, may_fire: bool
) -> list[ObjectResult]:
    """Empty all at once: tables that refer to each other can only be emptied together."""
    with (
        triggers_at_rest(connection, tables, may_fire=may_fire),
        keys_taken_off(connection, incoming_keys(connection, tables)) as results,
    ):
        run_sql(connection, f"TRUNCATE {', '.join(table.own_rows for table in tables)}")
    return results


def refuse_referring(connection: Connection, tables: Sequence[ApplicationTable], schema: str) -> None:
    """Make sure that no rows of other tables refer to those that a rollback takes out.

    Raises:
        TargetChangedError: some do.
        TargetPermissionError: the role may not take their foreign keys off.
    """
    incoming = incoming_keys(connection, tables)
    refuse_lacking(connection, key_rights(connection, incoming), schema=schema)
    referring = sorted({key.child_name for key in incoming if key.refers(connection)})
    if referring:
        raise TargetChangedError(
            f"Rows of other tables refer to the run's: {some(referring)}",
            remedy="Remove these rows, or what they refer to by, then roll back again; nothing was changed",
            schema=schema,
        )
