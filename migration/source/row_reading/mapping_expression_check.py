"""Tries the SQL expressions of a mapping file on the first rows of a snapshot, before all of them are read."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from migration.convoy_error import Place
from migration.errors import MappingFileError, SourceCorruptError
from migration.model import KeyRange
from migration.source.row_reading.key_range_sql import from_clause
from migration.source.snapshot_connection import open_snapshot
from migration.source.sqlite_syntax import value_sql

if TYPE_CHECKING:
    from pathlib import Path

    from migration.source_schema import SourceColumn, SourceSchema, SourceTable

# A value that changes from one reading to the next was not what the profile has seen.
_UNSTEADY: Final = frozenset({"random", "randomblob", "changes", "total_changes", "last_insert_rowid"})
_TRIED_ROWS: Final = 100


def check_expressions(snapshot: Path, schema: SourceSchema, name: str) -> None:
    """Make sure that SQLite understands every expression of an overlaid schema, as one value for each row.

    Args:
        snapshot: of the source.
        schema: as `apply_mapping` gives it.
        name: of the mapping file, for messages.

    Raises:
        UsageError: an expression is no SQL for this table, is an aggregate, or gives another value at each reading.
        SourceCorruptError: it fails on one of the first rows.
    """
    asked = [
        (table, column)
        for table in schema.tables
        for column in table.columns
        if column.override is not None and column.override.expression is not None
    ]
    if not asked:
        return
    with open_snapshot(snapshot) as connection:
        for table, column in asked:
            _check(connection, table, column, name)


def read_error(table: SourceTable, error: Exception) -> SourceCorruptError:
    """Return what to raise where SQLite cannot read rows.

    The file may be damaged, or an expression of the mapping file may not fit all rows.
    """
    asked = any(
        column.override is not None and column.override.expression is not None for column in table.columns
    )
    if isinstance(error, SourceCorruptError) and not asked:
        return error
    what = error.what if isinstance(error, SourceCorruptError) else f"The rows cannot be read: {error}"
    remedy = "If an expression of the mapping file fails on some rows, guard it with CASE" if asked else ""
    return SourceCorruptError(what, table=table.name, remedy=remedy)


def _check(connection: sqlite3.Connection, table: SourceTable, column: SourceColumn, name: str) -> None:
    place: Place = {"mapping": name, "table": table.name, "column": column.name}
    called: set[str] = set()

    def note(
        action: int, _first: str | None, second: str | None, _schema: str | None, _by: str | None
    ) -> int:
        if action == sqlite3.SQLITE_FUNCTION and second is not None:
            called.add(second.lower())
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    try:
        # In WHERE, aggregates and window functions are refused: each would make one row of many.
        rows = f"SELECT typeof({value_sql(column)}) {from_clause(table, KeyRange())}"
        connection.execute(f"EXPLAIN {rows} WHERE {value_sql(column)} IS NULL").close()
    except sqlite3.Error as error:
        remedy = "Write it as SQLite would take it in SELECT ... FROM this table"
        raise MappingFileError(
            f"SQLite does not take the expression: {error}", remedy=remedy, **place
        ) from error
    finally:
        connection.set_authorizer(None)
    if called & _UNSTEADY:
        unsteady = ", ".join(sorted(called & _UNSTEADY))
        raise MappingFileError(f"The expression gives another value at each reading: {unsteady}", **place)
    try:
        connection.execute(f"{rows} LIMIT {_TRIED_ROWS}").fetchall()
    except sqlite3.Error as error:
        raise read_error(table, error) from error
