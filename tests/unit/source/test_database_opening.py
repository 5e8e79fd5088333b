"""SQLite files are opened in one place, with caution; both SQLites of a process are."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pytest

from migration.source.arrow_opening import open_for_arrow
from migration.source.database_opening import open_database, snapshot_uri

ROOT = Path(__file__).resolve().parents[3]
PLACES = {
    "migration/source/database_opening.py",
    "migration/source/arrow_opening.py",
    "migration/source/read_mark_holder.py",  # reads no table, and imports nothing but the standard library
}
WAYS_IN = re.compile(
    r"sqlite3\.(dbapi2\.)?connect\(|adbc_driver_sqlite|\bapsw\b|sqlite_scan|TYPE sqlite|aiosqlite|sqlite://"
)


def test_no_other_place_opens_a_database() -> None:
    found = set()
    for room in ("api", "migration", "producer", "worker"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            names = {
                alias.name
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.ImportFrom) and node.module == "sqlite3"
                for alias in node.names
            }
            if WAYS_IN.search(text) or "connect" in names:
                found.add(str(path.relative_to(ROOT)))
    assert found == PLACES


def by_python(path: Path, statement: str) -> list[Any]:
    with closing(open_database(snapshot_uri(path))) as connection:
        return connection.execute(statement).fetchall()


def by_arrow(path: Path, statement: str) -> list[Any]:
    with open_for_arrow(path) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


READERS = pytest.mark.parametrize("read", [by_python, by_arrow])
Read = Callable[[Path, str], list[Any]]


@READERS
def test_a_schema_is_not_trusted(build, read: Read) -> None:
    path = build(
        "CREATE TABLE t (a); INSERT INTO t VALUES (1);"
        "CREATE VIEW reaches AS SELECT load_extension('x') FROM t;"
        "CREATE VIEW looks AS SELECT * FROM sqlite_dbpage;"
    )
    assert read(path, "PRAGMA trusted_schema") == [(0,)]
    for statement in ("SELECT * FROM reaches", "SELECT * FROM looks", "SELECT load_extension('x')"):
        with pytest.raises((sqlite3.Error, adbc_driver_manager.Error)):
            read(path, statement)


@READERS
def test_pages_are_looked_at_and_not_mapped(build, read: Read) -> None:
    path = build("CREATE TABLE t (a)")
    assert read(path, "PRAGMA cell_size_check") == [(1,)]
    assert read(path, "PRAGMA mmap_size") in ([(0,)], [])


def test_a_reader_writes_nothing(build) -> None:
    path = build("CREATE TABLE t (a)")
    for statement in ("INSERT INTO t VALUES (1)", "CREATE TABLE u (a)", "DROP TABLE t"):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            by_python(path, statement)
    assert by_arrow(path, "PRAGMA query_only") == [(1,)]


def test_no_second_file_is_attached(build, tmp_path: Path) -> None:
    path = build("CREATE TABLE t (a)")
    with pytest.raises(sqlite3.OperationalError, match="too many attached databases"):
        by_python(path, f"ATTACH '{tmp_path / 'other.db'}' AS other")


@READERS
@pytest.mark.parametrize(
    "expression", ["json_extract(d, '$.a')", "d ->> '$.a'", "strftime('%Y', d)", "hex(d)"]
)
def test_functions_that_harm_nobody_work_in_a_definition(build, read: Read, expression: str) -> None:
    path = build(f"CREATE TABLE t (d, v AS ({expression})); CREATE INDEX i ON t (v);")
    assert read(path, "SELECT v FROM t") == []
    assert read(path, "PRAGMA quick_check") == [("ok",)]
