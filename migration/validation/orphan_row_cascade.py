"""Follows references from rows that leave to all rows that need them, however deep they hang.

A join for each step costs milliseconds: nothing for the few levels that tables usually have, minutes for a chain of
versions or replies with a hundred thousand links. SQLite's recursive queries look up each row once, on disk.
https://www.sqlite.org/lang_with.html#recursive_common_table_expressions
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from migration.source.database_opening import file_uri, open_database

_ROWS_AT_ONCE: Final = 10_000


class OrphanRowCascade:
    """A graph of rows that refer to each other. A context manager.

    Args:
        path: of the file in which it is kept; it must not exist, and goes when its folder does.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_database(file_uri(path, "mode=rwc"))
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "BEGIN",
            "CREATE TABLE edge (parent INTEGER, child INTEGER, PRIMARY KEY (parent, child)) WITHOUT ROWID",
            "CREATE TABLE start (node INTEGER PRIMARY KEY)",
        ):
            self._connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add_edges(self, rows: duckdb.DuckDBPyConnection) -> None:
        """Add the rows of a result as (parent, child)."""
        while part := rows.fetchmany(_ROWS_AT_ONCE):
            self._connection.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?)", part)

    def add_starts(self, rows: duckdb.DuckDBPyConnection) -> None:
        """Add the rows of a result as nodes from which to descend."""
        while part := rows.fetchmany(_ROWS_AT_ONCE):
            self._connection.executemany("INSERT OR IGNORE INTO start VALUES (?)", part)

    def reached(self) -> Iterator[list[int]]:
        """Yield all nodes below the starts, these included, each once and some at a time."""
        statement = (
            "WITH RECURSIVE below(node) AS (SELECT node FROM start UNION"
            " SELECT edge.child FROM below JOIN edge ON edge.parent = below.node) SELECT node FROM below"
        )
        with closing(self._connection.execute(statement)) as cursor:
            while part := cursor.fetchmany(_ROWS_AT_ONCE):
                yield [node for (node,) in part]
