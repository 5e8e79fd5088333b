"""Virtual generated columns, which SQLite computes anew at each reading, and fails to compute for some rows.

A function or collation of the application's own is missing here; `json_extract()` meets a text that is no JSON; a
column of a STRICT table gives a value of another type. One such row would stop the whole table, so each is tried.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import adbc_driver_manager

from migration.source.arrow_opening import open_for_arrow
from migration.source.sqlite_syntax import quote_name
from migration.source_schema import GeneratedKind

if TYPE_CHECKING:
    from pathlib import Path

    from migration.source_schema import SourceColumn

_NO_COLLATION = "no such collation"  # the reader knows a way around that


def why_not_generated(
    connection: sqlite3.Connection, snapshot: Path, table: str, column: SourceColumn
) -> str:
    """Return why a column cannot be read for every row; empty where it can.

    Both of the process's SQLites are asked, Python's and the Arrow driver's: they are of different versions, and newer
    ones check more.
    """
    if column.generated is not GeneratedKind.VIRTUAL:
        return ""
    query = f"SELECT count(t.{quote_name(column.name)}) FROM {quote_name(table)} AS t NOT INDEXED"
    try:
        connection.execute(f"EXPLAIN {query}").close()
    except sqlite3.Error as error:
        return f"computed by the application, not by SQLite: {error}"
    try:
        connection.execute(query).close()
        _count_by_adbc(snapshot, query)
    except UnicodeDecodeError:
        return "SQLite cannot compute it for every row: the message is not valid UTF-8"
    except (sqlite3.Error, adbc_driver_manager.Error) as error:
        if _NO_COLLATION not in str(error):
            return f"SQLite cannot compute it for every row: {error}"
    return ""


def _count_by_adbc(snapshot: Path, query: str) -> None:
    with (
        closing(open_for_arrow(snapshot)) as connection,
        closing(connection.cursor()) as cursor,
    ):
        cursor.execute(query)
        cursor.fetchall()
