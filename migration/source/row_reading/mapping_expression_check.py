"""Tries the SQL expressions of a mapping file on a snapshot, before a worker reads with them.

Over the API a mapping comes from whoever may start runs: `hex(zeroblob(450000000))` makes gigabytes of a row. So an
expression that could make more than its row holds is computed for every row in a confined process first, as what a
schema computes is. One of few characters and of functions that give no more than they get costs no such reading.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from migration.convoy_error import Place
from migration.errors import MappingFileError, SourceCorruptError
from migration.model import KeyRange
from migration.source.computed_value_trial import Computed, try_each
from migration.source.row_reading.key_range_sql import from_clause
from migration.source.snapshot_connection import open_snapshot
from migration.source.sqlite_syntax import value_sql
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from pathlib import Path

    from migration.source.source_budget import SourceBudget
    from migration.source_schema import SourceColumn, SourceSchema, SourceTable

# A value that changes from one reading to the next was not what the profile has seen.
_UNSTEADY: Final = frozenset({"random", "randomblob", "changes", "total_changes", "last_insert_rowid"})
_TRIED_ROWS: Final = 100
# Each takes time in proportion to what it gets, and gives no more. Not so trim(), instr(), LIKE and GLOB (time), nor
# replace(), printf(), hex(), quote() and JSON's.
_MODEST: Final = frozenset(
    [
        "abs",
        "coalesce",
        "date",
        "datetime",
        "ifnull",
        "iif",
        "julianday",
        "length",
        "lower",
        "max",
        "min",
        "nullif",
        "round",
        "sign",
        "substr",
        "substring",
        "time",
        "typeof",
        "unicode",
        "unixepoch",
        "upper",
    ]
)
_MODEST_CHARS: Final = 200
"""Its constants come with every row."""


def check_expressions(snapshot: Path, schema: SourceSchema, name: str, budget: SourceBudget | None) -> None:
    """Make sure that SQLite understands every expression of an overlaid schema, as one value for each row.

    Args:
        snapshot: of the source.
        schema: as `apply_mapping` gives it.
        name: of the mapping file, for messages.
        budget: what computing may cost; None where the snapshot was tried with this mapping before.

    Raises:
        MappingFileError: an expression is no SQL for this table, is an aggregate, gives another value at each reading,
            or fails on one of the first rows.
        SourceTooLargeError: it gives more bytes than the budget has.
        SourceTooSlowError: it takes longer.
        SourceProcessError: SQLite dies of it.
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
        tried = [one for table, column in asked if (one := _understood(connection, table, column, name))]
        if budget is not None:
            try_each(tried, snapshot, {"mapping": name}, budget)
        for table, column in asked:
            try:
                connection.execute(f"{_rows(table, column)} LIMIT {_TRIED_ROWS}").fetchall()
            except sqlite3.Error as error:  # the file itself has been checked before
                raise MappingFileError(
                    f"The expression fails on one of the first rows: {error}",
                    remedy="Guard it with CASE where it does not fit all rows, and call no function that SQLite keeps"
                    " from sources",
                    mapping=name,
                    table=table.name,
                    column=column.name,
                ) from error


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


def _rows(table: SourceTable, column: SourceColumn) -> str:
    return f"SELECT typeof({value_sql(column)}) {from_clause(table, KeyRange())}"


def _understood(
    connection: sqlite3.Connection, table: SourceTable, column: SourceColumn, name: str
) -> Computed | None:
    """Return what is to be tried in a confined process; None where the expression gives no more than its row."""
    place: Place = {"mapping": name, "table": table.name, "column": column.name}
    called: set[str] = set()
    queries = 0

    def note(
        action: int, _first: str | None, second: str | None, _schema: str | None, _by: str | None
    ) -> int:
        nonlocal queries
        if action == sqlite3.SQLITE_FUNCTION and second is not None:
            called.add(folded(second))
        queries += action == sqlite3.SQLITE_SELECT
        return sqlite3.SQLITE_OK

    plain = f"EXPLAIN SELECT 1 {from_clause(table, KeyRange())}"
    connection.set_authorizer(note)
    try:
        connection.execute(plain).close()
        queries_without, queries = queries, 0
        # In WHERE, aggregates and window functions are refused: each would make one row of many.
        connection.execute(f"EXPLAIN {_rows(table, column)} WHERE {value_sql(column)} IS NULL").close()
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
    sql = value_sql(column)
    modest = called <= _MODEST and queries == queries_without and "||" not in sql and "->" not in sql
    if modest and len(sql) <= _MODEST_CHARS:
        return None
    query = f"SELECT CAST({sql} AS BLOB) {from_clause(table, KeyRange())}"
    return Computed(table.name, column.name, query, name)
