"""Open a snapshot for reading. Only ever used on private copies, so the file is declared immutable."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from migration.errors import SourceCorruptError
from migration.source.create_table_parser import collations_named
from migration.source.database_opening import open_database, snapshot_uri

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_OWN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})  # https://www.sqlite.org/datatype3.html#collation


def connect_snapshot(path: Path) -> sqlite3.Connection:
    """Open a snapshot read-only; the caller closes it.

    Text arrives as `str`, with U+FFFD for bytes that are not UTF-8. Collations that the application brought along
    are stood in for by a comparison of bytes: SQLite wants to know them even where it compares nothing.

    Raises:
        SourceCorruptError: the file is gone, or its schema cannot be read.
    """
    try:
        connection = open_database(snapshot_uri(path))
    except sqlite3.Error as error:
        raise SourceCorruptError(f"The snapshot cannot be opened: {error}", file=str(path)) from error
    connection.text_factory = _lenient_text
    try:
        register_missing_collations(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        connection.close()
        raise SourceCorruptError(f"The schema cannot be read: {error}", file=str(path)) from error
    return connection


@contextmanager
def open_snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a snapshot as `connect_snapshot` does, closed on leaving."""
    with closing(connect_snapshot(path)) as connection:
        yield connection


def register_missing_collations(connection: sqlite3.Connection) -> set[str]:
    """Stand in for the collations that the schema names and this SQLite lacks; return their names in upper case."""
    # Asked before the schema is loaded, which puts the names that it mentions on the list.
    known = {name.upper() for (_, name) in connection.execute("PRAGMA collation_list")}
    statements = connection.execute("SELECT sql FROM sqlite_schema WHERE sql LIKE '%collate%'").fetchall()
    return register_collations(connection, [sql for (sql,) in statements], known)


def register_collations(
    connection: sqlite3.Connection, statements: Iterable[str], known: Collection[str] = _OWN_COLLATIONS
) -> set[str]:
    """Do the same for the collations that these statements name."""
    named = {name for sql in statements for name in collations_named(sql)}
    missing = {name for name in named if name.upper() not in known}
    for name in missing:
        connection.create_collation(name, _compare_bytes)
    return {name.upper() for name in missing}


def _compare_bytes(left: str, right: str) -> int:
    return (left > right) - (left < right)


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
