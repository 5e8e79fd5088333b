"""Stand-ins for definitions that this SQLite does not understand; damage stays what it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import SourceCorruptError
from migration.source.integrity_check import check_database
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.unknown_syntax import original, set_unknown_aside

SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
CREATE INDEX i ON t (a, b);
CREATE TABLE u (a TEXT UNIQUE, b TEXT UNIQUE, c INT);
CREATE INDEX ui ON u (c);
CREATE VIEW v AS SELECT a FROM t;
CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;
INSERT INTO t VALUES (1, 'x', 'y'), (2, 'x', 'z');
INSERT INTO u VALUES ('a', 'b', 1), ('c', 'd', 2);
"""
# Words of a grammar that no SQLite has yet, one for each kind of definition.
FUTURE = {
    "i": "CREATE INDEX i ON t (a, b) FORTHWITH",
    "u": "CREATE TABLE u (a TEXT UNIQUE, b TEXT UNIQUE, c INT DEFAULT 0z17)",
    "v": "CREATE VIEW v AS SELECT a FROM t UNION EVERY SELECT b FROM t",
    "r": "CREATE TRIGGER r AFTER INSERT ON t BEGIN PONDER a; END",
}


def build(path: Path, definitions: dict[str, str]) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(SCRIPT)
        connection.execute("PRAGMA writable_schema = ON")
        for name, sql in definitions.items():
            connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name))
    return path


@pytest.mark.parametrize("names", [["i"], ["u"], ["v"], ["r"], list(FUTURE)], ids="-".join)
def test_what_is_not_understood_is_left_out_and_the_rest_is_sound(tmp_path: Path, names: list[str]) -> None:
    copy = build(tmp_path / "future.db", {name: FUTURE[name] for name in names})
    set_unknown_aside(copy)
    check_database(copy, {})
    schema = read_schema(copy)
    texts = {item.name: item.sql for item in schema.objects}
    assert {name: texts[name] for name in names} == {name: FUTURE[name] for name in names}
    assert {table.name for table in schema.tables} == {"t", "u"} - set(names)
    assert [index.name for index in schema.tables[0].indexes] == ([] if "i" in names else ["i"])
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT a, b FROM t NOT INDEXED").fetchall() == [("x", "y"), ("x", "z")]


def test_sound_database_stays_as_it_is(tmp_path: Path) -> None:
    copy = build(tmp_path / "sound.db", {})
    before = copy.read_bytes()
    set_unknown_aside(copy)
    assert copy.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE \x01\x02LE u (a)",
        "CRE TABLE u (a, b)",
        "CREATE TABLE u (a PRIMARY KEY, b UNIQUE, c) WITHOUT ROWID, FUTURE",
        "",
    ],
)
def test_damaged_text_is_left_for_the_check_that_refuses_it(tmp_path: Path, sql: str) -> None:
    copy = build(tmp_path / "damaged.db", {"u": sql})
    before = copy.read_bytes()
    set_unknown_aside(copy)
    assert copy.read_bytes() == before
    with pytest.raises(SourceCorruptError):
        check_database(copy, {})


@pytest.mark.parametrize("sql", [None, "", "CREATE TABLE t (a)", "CREATE TABLE t (a /*convoy*/)"])
def test_other_definitions_stand_for_themselves(sql: str | None) -> None:
    assert original(sql) is None
