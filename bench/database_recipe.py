"""How a database to measure with is made: once, the same rows each time, and kept."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a data set: how it is made and what fills it."""

    name: str
    sql: tuple[str, ...]
    rows: int
    columns: int
    values: Callable[[int], Iterator[tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class DataSet:
    """A database to measure with; `path` is set for a file that exists already."""

    name: str
    what: str
    tables: tuple[Table, ...] = ()
    path: Path | None = None
    contenders: tuple[str, ...] = ()
    """Names of those that are measured on it; empty: all."""
    pgloader_casts: tuple[str, ...] = ()
    """What pgloader has to be told of columns that it cannot load by itself."""

    @property
    def rows(self) -> int:
        """Rows of all tables; 0 for a file of others."""
        return sum(table.rows for table in self.tables)

    def build(self, folder: Path) -> Path:
        """Return the absolute path of the database, made now unless it was before."""
        if self.path is not None:
            return self.path.absolute()
        recipe = zlib.crc32(repr([(t.name, t.sql, t.rows) for t in self.tables]).encode())
        path = (folder / f"{self.name}-{self.rows}-{recipe:08x}.db").absolute()
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        try:
            with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                for table in self.tables:
                    _fill(connection, table)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path


def _fill(connection: sqlite3.Connection, table: Table) -> None:
    create, *indexes = table.sql
    connection.execute(create)
    connection.execute("BEGIN")
    marks = ", ".join("?" * table.columns)
    connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', table.values(table.rows))
    for index in indexes:
        connection.execute(index)
    connection.execute("COMMIT")
