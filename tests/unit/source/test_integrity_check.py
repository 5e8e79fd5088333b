from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import NotADatabaseError, SourceCorruptError
from migration.model import Source
from migration.source.integrity_check import check_database
from migration.source.snapshots.snapshot_creation import take_snapshot

SCRIPT = """
PRAGMA page_size = 4096;
CREATE TABLE good(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE hurt(id INTEGER PRIMARY KEY, body TEXT);
CREATE INDEX hurt_body ON hurt(body);
"""
ROWS = {name: [(n, f"{name} {n} " * 10) for n in range(500)] for name in ("good", "hurt")}


def refuse(path: Path, folder: Path, error: type[Exception], message: str) -> str:
    with pytest.raises(error, match=message) as caught:
        take_snapshot(Source("app", str(path)), folder)
    assert "source app" in str(caught.value)
    assert list(folder.iterdir()) == []
    return str(caught.value)


def scribble(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def root_page(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]


def test_other_kinds_of_file_are_not_databases(tmp_path, folder):
    path = tmp_path / "notes.db"
    path.write_text("Dear diary, " * 400)
    text = refuse(path, folder, NotADatabaseError, "not a SQLite database")
    assert "encrypted" not in text


def test_random_bytes_in_whole_sectors_may_be_an_encrypted_database(tmp_path, folder):
    path = tmp_path / "signal.db"
    path.write_bytes(random.Random(1).randbytes(8192))  # noqa: S311 - the same bytes each time
    refuse(path, folder, NotADatabaseError, "not a SQLite database, or it is encrypted")


@pytest.mark.parametrize("size", [5, 16, 60, 99])
def test_a_file_that_ends_inside_the_header_is_cut_off(build, folder, size):
    path = build(SCRIPT)
    path.write_bytes(path.read_bytes()[:size])
    refuse(path, folder, SourceCorruptError, f"cut off after {size} bytes")


def test_a_truncated_file_names_both_lengths_and_the_tables(build, folder):
    path = build(SCRIPT, ROWS)
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[: whole // 2])
    text = refuse(path, folder, SourceCorruptError, f"cut off: {whole // 2} bytes of {whole}")
    assert "hurt" in text
    assert ".recover" in text


def test_damage_names_the_tables_that_are_hurt_and_no_others(build, folder):
    path = build(SCRIPT, ROWS)
    scribble(path, (root_page(path, "hurt") - 1) * 4096, b"\xff" * 200)
    text = refuse(path, folder, SourceCorruptError, "damaged in table hurt")
    assert "good" not in text.split("damaged in table hurt", 1)[1].split(":", 1)[0]


@pytest.mark.parametrize("seed", range(12))
def test_no_damage_gives_anything_but_an_error_of_ours(build, folder, seed):
    path = build(SCRIPT, ROWS)
    dice = random.Random(seed)  # noqa: S311 - the same damage each time
    for _ in range(40):
        scribble(path, dice.randrange(100, path.stat().st_size - 64), dice.randbytes(64))
    refuse(path, folder, SourceCorruptError, "damaged|cut off")


def test_a_schema_that_is_not_text_is_damage(build, folder):
    path = build(SCRIPT, ROWS)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE hurt(", b"CREATE \xff\xfe\xfdLE hurt("))
    refuse(path, folder, SourceCorruptError, "damaged")


def test_an_impossible_page_size_is_damage_or_encryption(build, folder):
    path = build(SCRIPT)
    scribble(path, 16, b"\x12\x34")
    refuse(path, folder, SourceCorruptError, "page size of 4660 bytes")


def test_values_that_a_constraint_forbids_are_no_damage(build):
    path = build("CREATE TABLE t(a TEXT, b INT); INSERT INTO t VALUES (NULL, -1);")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        sql = "CREATE TABLE t(a TEXT NOT NULL, b INT CHECK (b > 0))"
        connection.execute("UPDATE sqlite_schema SET sql = ?", (sql,))
        connection.commit()
    check_database(path, {"source": "app"})


def test_what_only_the_application_has_is_no_damage(build):
    path = build()
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("house order", lambda a, b: (a > b) - (a < b))
        connection.create_collation("backwards", lambda a, b: (a < b) - (a > b))
        connection.create_function("secret", 1, lambda x: x, deterministic=True)
        connection.executescript(
            'CREATE TABLE a(k TEXT COLLATE "house order" UNIQUE);'
            "CREATE TABLE b(k TEXT COLLATE backwards PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TABLE c(k TEXT CHECK (secret(k) > ''), v AS (secret(k)), s AS (secret(k)) STORED);"
            "CREATE INDEX c_k ON c(secret(k)) WHERE secret(k) > '';"
            "INSERT INTO a VALUES ('x'), ('y'); INSERT INTO b VALUES ('x'), ('y'); INSERT INTO c VALUES ('x');"
        )
    check_database(path, {"source": "app"})


def test_a_virtual_table_of_a_missing_module_is_no_damage(build):
    path = build("CREATE TABLE t(a); CREATE TABLE ghost(a);")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET rootpage = 0, sql = 'CREATE VIRTUAL TABLE ghost USING nobody_has_this(a)'"
            " WHERE name = 'ghost'"
        )
        connection.commit()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
    check_database(path, {"source": "app"})
