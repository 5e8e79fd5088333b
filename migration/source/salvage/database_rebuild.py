"""A clean database that takes the rows of a damaged one, whatever its constraints say of them.

While it is filled, each table is a twin without types and constraints but with the same record format; `finish` puts
the definitions of the source in place. Editing sqlite_schema is documented for such ends:
https://www.sqlite.org/pragma.html#pragma_writable_schema
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from migration.source.database_opening import file_uri, open_database
from migration.source.salvage.leaf_page_records import Text
from migration.source.salvage.readable_row_scan import UNREADABLE
from migration.source.snapshot_connection import register_collations, register_missing_collations
from migration.source.sqlite_syntax import quote_name
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from migration.source.salvage.orphaned_pages import LostRow

_ROWID_NAMES: Final = ("rowid", "_rowid_", "oid")
_VIRTUAL_GENERATED: Final = 2  # PRAGMA table_xinfo, column `hidden`: no part of the record
_KINDS: Final = frozenset({"table", "index", "view", "trigger"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of sqlite_schema. `root` is 0 where there is no b-tree."""

    kind: str
    name: str
    table: str
    root: int
    sql: str | None

    @classmethod
    def read(cls, values: Sequence[Any]) -> Self | None:
        """Return an entry from what stands in the file, with texts as bytes; None where that makes no sense."""
        kind, name, table, root, sql = (
            value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values
        )
        if kind not in _KINDS or not isinstance(name, str) or not isinstance(table, str):
            return None
        if not isinstance(sql, str | None):
            return None
        return cls(kind, name, table, root if isinstance(root, int) else 0, sql)

    @property
    def is_table(self) -> bool:
        """Whether it is a table with rows of its own."""
        return self.kind == "table" and self.root > 0 and not folded(self.name).startswith("sqlite_")


@dataclass(frozen=True, slots=True)
class Twin:
    """A table of the clean database while it is filled.

    `columns` are those of the record. `rowid_name` is None where no name reaches a rowid; then `key` are the columns
    of the primary key, and `key_backwards` is an ORDER BY from its end.
    """

    entry: Entry
    columns: tuple[str, ...]
    rowid_name: str | None
    key: tuple[str, ...]
    key_backwards: str
    plain_sql: str

    @property
    def name(self) -> str:
        """Its name in the source."""
        return self.entry.name


class CleanDatabase:
    """A database under construction."""

    def __init__(self, path: Path, encoding: str, page_bytes: int) -> None:
        self.path = path
        self.twins: list[Twin] = []
        self.has_sequences = False
        self._own_indexes: list[tuple[Any, ...]] = []
        with self._opened() as connection:
            connection.execute(f"PRAGMA page_size = {page_bytes}")
            connection.execute(f"PRAGMA encoding = '{encoding}'")
            connection.execute("CREATE TABLE convoy_first (x)")  # fixes both
            connection.execute("DROP TABLE convoy_first")

    @property
    def uri(self) -> str:
        """Under which another connection attaches it."""
        return file_uri(self.path, "mode=rw")

    def add_table(self, entry: Entry) -> str:
        """Create a table as the source declares it; return why that fails, or an empty text."""
        try:
            with self._opened(entry.sql or "") as connection:
                connection.execute(entry.sql or "")
                self.twins.append(_twin(connection, entry))
        except (*UNREADABLE, ValueError) as error:
            return str(error)
        return ""

    def plain(self) -> None:
        """Turn all tables into their twins."""
        with self._opened() as connection:
            self._own_indexes = connection.execute(
                "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE type = 'index'"
            ).fetchall()
            self.has_sequences = bool(
                connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
            )
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("DELETE FROM sqlite_schema WHERE type = 'index'")
            for twin in self.twins:
                self._define(connection, twin, twin.plain_sql)

    def add_lost(self, name: str, lost: Iterable[LostRow]) -> int:
        """Put rows of pages that belong to no table into one that is as wide as need be; return how many there are.

        Without rows there is no table. Its columns are those of lost_and_found in SQLite's own shell.
        """
        table = quote_name(name)
        named = ["rootpgno", "pgno", "nfield", "id"]
        rows = 0
        with self._opened() as connection:
            connection.execute("BEGIN")
            for rows, row in enumerate(lost, 1):
                if rows == 1:
                    connection.execute(f"CREATE TABLE {table} ({', '.join(f'{c} INTEGER' for c in named)})")
                for number in range(len(named) - 4, len(row.values)):
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN c{number}")
                    named.append(f"c{number}")
                marks = ["CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in row.values]
                values = [value.data if isinstance(value, Text) else value for value in row.values]
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(named[: 4 + len(values)])})"
                    f" VALUES (?, ?, ?, ?, {', '.join(marks)})",
                    (row.rootpgno, row.pgno, len(values), row.rowid, *values),
                )
            connection.execute("COMMIT")
        return rows

    def finish(self, entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
        """Put all definitions in place and build the indexes; yield (what, why) for those that cannot be."""
        with self._opened() as connection:
            connection.execute("PRAGMA writable_schema = ON")
            for twin in self.twins:
                self._define(connection, twin, twin.entry.sql or "")
            connection.executemany("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", self._own_indexes)
        for name in [index[1] for index in self._own_indexes]:
            yield from self._attempt(f"index {name}", f"REINDEX {quote_name(name)}")
        tables = {folded(twin.name) for twin in self.twins}
        for entry in entries:
            if entry.kind == "index" and entry.sql and folded(entry.table) in tables:
                yield from self._attempt(f"index {entry.name}", entry.sql)
        for entry in entries:
            if not entry.root and entry.sql:
                yield from self._register(entry)

    def _register(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Write down a view, trigger or virtual table, without what it needs having to be there."""
        row = (entry.kind, entry.name, entry.table, 0, entry.sql)
        with self._opened() as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)
        try:
            with self._opened() as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except UNREADABLE as error:
            with self._opened(lenient=True) as connection:
                connection.execute(
                    "DELETE FROM sqlite_schema WHERE rowid = (SELECT max(rowid) FROM sqlite_schema)"
                )
            yield f"{entry.kind} {entry.name}", str(error)

    def _attempt(self, what: str, statement: str) -> Iterator[tuple[str, str]]:
        try:
            with self._opened(statement) as connection:
                connection.execute(statement)
        except UNREADABLE as error:
            yield what, str(error)

    def _define(self, connection: sqlite3.Connection, twin: Twin, sql: str) -> None:
        connection.execute(
            "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (sql, twin.name)
        )

    @contextmanager
    def _opened(self, statement: str = "", *, lenient: bool = False) -> Iterator[sqlite3.Connection]:
        """Open it; `lenient`: with entries in its schema that make no sense."""
        with closing(open_database(file_uri(self.path, "mode=rwc"), edits_schema=True)) as connection:
            if lenient:
                connection.execute("PRAGMA writable_schema = ON")
                with suppress(*UNREADABLE):
                    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            if not lenient:
                register_missing_collations(connection)
            register_collations(connection, [statement])
            yield connection


def _twin(connection: sqlite3.Connection, entry: Entry) -> Twin:
    """Describe the table that has just been created."""
    rows = connection.execute(f"PRAGMA table_xinfo({quote_name(entry.name)})").fetchall()
    if not rows:
        raise ValueError("it is no table")
    stored = [(row[1], row[2], row[5]) for row in rows if row[6] != _VIRTUAL_GENERATED]
    indexes = connection.execute("SELECT name FROM pragma_index_list(?) WHERE origin = 'pk'", (entry.name,))
    own_key = indexes.fetchone()
    (without_rowid,) = connection.execute(
        "SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", (entry.name,)
    ).fetchone()
    columns = tuple(name for name, _, _ in stored)
    name = quote_name(entry.name)
    if without_rowid:
        terms = connection.execute(
            'SELECT name, "desc", coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno', own_key
        ).fetchall()
        key = ", ".join(f"{quote_name(n)} COLLATE {quote_name(c)}{' DESC' * bool(d)}" for n, d, c in terms)
        backwards = ", ".join(
            f"t.{quote_name(n)} COLLATE {quote_name(c)}{'' if d else ' DESC'}" for n, d, c in terms
        )
        listed = ", ".join(map(quote_name, columns))
        plain = f"CREATE TABLE {name} ({listed}, PRIMARY KEY ({key})) WITHOUT ROWID"
        return Twin(entry, columns, None, tuple(n for n, _, _ in terms), backwards, plain)
    keyed = [(column, kind) for column, kind, position in stored if position]
    alias = keyed[0][0] if own_key is None and len(keyed) == 1 and keyed[0][1].upper() == "INTEGER" else None
    listed = ", ".join(quote_name(c) + (" INTEGER PRIMARY KEY" if c == alias else "") for c in columns)
    taken = {folded(row[1]) for row in rows}
    free = next((word for word in _ROWID_NAMES if word not in taken), None)
    return Twin(entry, columns, alias or free, (), "", f"CREATE TABLE {name} ({listed})")
