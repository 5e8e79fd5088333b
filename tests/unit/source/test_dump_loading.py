"""Dumps are loaded as SQLite reads them, and nothing else happens."""

from __future__ import annotations

import io
import math
import random
import sqlite3
import struct
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from migration.model import Source
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.source.source_budget import SourceBudget
from migration.source.unpacking.dump_loading import load_dump
from migration.source_form_errors import (
    ForeignDumpError,
    SourceDumpError,
    SourceTooLargeError,
    UnfinishedDumpError,
)
from tests.support.sqlite_dump import d1_export, make_everything, real_shell_dump, shell_dump

PLACE = {"source": "app", "file": "app.sql"}


def load(dump: bytes | str, folder: Path) -> Path:
    path = folder / "loaded.db"
    load_dump(io.BytesIO(dump.encode() if isinstance(dump, str) else dump), path, PLACE)
    return path


def content(path: Path, *, without: str = "") -> dict[str, object]:
    """Return schema, rows with their store classes, and positions of sequences."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        schema = connection.execute("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY 1, 2").fetchall()
        if without:
            schema = [entry for entry in schema if not entry[2].startswith(without)]
        found: dict[str, object] = {"": schema}
        for kind, name, _ in schema:
            if kind == "table":
                columns = [
                    row[1] for row in connection.execute(f'PRAGMA table_xinfo("{name}")') if row[6] != 1
                ]
                quoted = [f'"{column.replace(chr(34), chr(34) * 2)}"' for column in columns]
                values = ", ".join(f"typeof({column}), quote({column}), hex({column})" for column in quoted)
                found[name] = sorted(connection.execute(f'SELECT {values} FROM "{name}"').fetchall())
    return found


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    return make_everything(tmp_path / "everything.db")


@pytest.mark.parametrize("is_newest", [False, True])
def test_a_dump_of_the_shell_gives_the_database_again(
    everything: Path, tmp_path: Path, is_newest: bool
) -> None:
    loaded = load(shell_dump(everything, is_newest=is_newest), tmp_path)
    assert content(loaded) == content(everything)
    with closing(sqlite3.connect(loaded)) as connection:
        assert connection.execute("SELECT title FROM page WHERE page MATCH 'words'").fetchall() == [
            ("first",)
        ]


def test_the_shell_that_is_here_gives_the_database_again(everything: Path, tmp_path: Path) -> None:
    dump = real_shell_dump(everything)
    if dump is None:
        pytest.skip("no sqlite3 shell on this host")
    assert content(load(dump, tmp_path)) == content(everything)


def test_an_export_of_d1_gives_the_database_again(everything: Path, tmp_path: Path) -> None:
    assert content(load(d1_export(everything), tmp_path)) == content(everything, without="page")


def test_iterdump_gives_the_database_again(everything: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(everything)) as connection:
        dump = "\n".join(connection.iterdump())
    assert content(load(dump, tmp_path)) == content(everything)


def test_the_same_dump_makes_the_same_bytes(everything: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    dump = shell_dump(everything)
    assert load(dump, tmp_path / "one").read_bytes() == load(dump, tmp_path / "two").read_bytes()


def test_texts_that_are_not_utf8_or_hold_nul_arrive_byte_by_byte(tmp_path: Path) -> None:
    dump = (
        b"CREATE TABLE t(a, b TEXT);\n"
        b"INSERT INTO t VALUES('\xff''A', 'x'),(unistr('a\\u000a\xff'), 'n\x00m');\n"
        b"INSERT INTO t VALUES(unistr('\\u0000\\\\\\+01F600'), '\xc3\xa4');"
    )
    with closing(sqlite3.connect(load(dump, tmp_path))) as connection:
        rows = connection.execute("SELECT typeof(a), hex(a), typeof(b), hex(b) FROM t").fetchall()
    assert rows == [
        ("text", "FF2741", "text", "78"),
        ("text", "610AFF", "text", "6E006D"),
        ("text", "005CF09F9880", "text", "C3A4"),
    ]


def test_reals_arrive_with_their_last_bit(tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311
    bits = [dice.getrandbits(64) for _ in range(4_000)] + [1, 2**52 - 1, 2**52, 0x7FEFFFFFFFFFFFFF]
    reals = [value for (value,) in map(struct.Struct("<d").unpack, map(struct.Struct("<Q").pack, bits))]
    reals = [value for value in reals if math.isfinite(value)]
    rows = ",".join(f"({value:.19e},'{value:.19e} 1e-300')" for value in reals)
    loaded = load(f"CREATE TABLE t(a REAL, b);\nINSERT INTO t VALUES{rows};", tmp_path)
    with closing(sqlite3.connect(loaded)) as connection:
        found = connection.execute("SELECT a, b FROM t ORDER BY rowid").fetchall()
    assert found == [(value, f"{value:.19e} 1e-300") for value in reals]


def test_vectors_of_libsql_are_blobs_with_an_index_that_sqlite_cannot_use(tmp_path: Path) -> None:
    dump = """PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE film (title TEXT, vector F32_BLOB(2));
INSERT INTO film VALUES('Alien',X'0000803f00000040');
CREATE INDEX film_vector ON film (libsql_vector_idx(vector, 'metric=cosine'));
COMMIT;
"""
    with closing(sqlite3.connect(load(dump, tmp_path))) as connection:
        assert connection.execute("SELECT typeof(vector), length(vector) FROM film").fetchall() == [
            ("blob", 8)
        ]
        assert connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index'").fetchall() == [
            ("film_vector",)
        ]


def test_a_recovery_begins_with_a_command_that_is_passed_over(tmp_path: Path) -> None:
    dump = """.dbconfig defensive off
BEGIN;
PRAGMA writable_schema = on;
PRAGMA encoding = 'UTF-16le';
PRAGMA user_version = '7';
CREATE TABLE t(a);
INSERT OR IGNORE INTO 't'('a') VALUES ('x');
CREATE TABLE lost_and_found(rootpgno INTEGER, pgno INTEGER, nfield INTEGER, id INTEGER, c0);
INSERT INTO lost_and_found VALUES(2, 3, 1, 4, X'');
PRAGMA writable_schema = off;
COMMIT;
"""
    with closing(sqlite3.connect(load(dump, tmp_path))) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)
        assert connection.execute("SELECT count(*) FROM lost_and_found").fetchone() == (1,)


def test_rows_that_keys_and_checks_forbid_are_kept(tmp_path: Path) -> None:
    dump = (
        "PRAGMA foreign_keys=ON; CREATE TABLE p(id INTEGER PRIMARY KEY);"
        "CREATE TABLE c(p REFERENCES p, n CHECK (n > 0)); INSERT INTO c VALUES(5, -1);"
    )
    with closing(sqlite3.connect(load(dump, tmp_path))) as connection:
        assert connection.execute("SELECT * FROM c").fetchall() == [(5, -1)]


def test_a_trigger_may_stand_before_its_view(tmp_path: Path) -> None:
    dump = (
        "CREATE TABLE t(a); CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES(1); END;"
        "CREATE VIEW v AS SELECT * FROM t;"
    )
    with closing(sqlite3.connect(load(dump, tmp_path))) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall() == [
            ("r",)
        ]


@pytest.mark.parametrize(
    ("dump", "words"),
    [
        ("", "holds no statement"),
        ("-- a comment\n", "holds no statement"),
        ("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\n", "no COMMIT at its end"),
        ("SAVEPOINT dump;\nCREATE TABLE t(a);", "no COMMIT at its end"),
        ("CREATE TABLE t(a);\nINSERT INTO t VALUES('abc", "line 2 has no end: INSERT INTO t VALUES"),
        ("CREATE TABLE t(a);\n\nINSERT INTO t VALUES(1)", "line 3 has no end"),
        ("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1;\n", "line 1 has no end"),
        ("BEGIN;\nCREATE TABLE t(a);\nROLLBACK; -- due to errors\n", "not all could be read.*line 3"),
    ],
)
def test_a_dump_that_is_not_whole_is_refused(tmp_path: Path, dump: str, words: str) -> None:
    with pytest.raises(UnfinishedDumpError, match=words):
        load(dump, tmp_path)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ATTACH '{folder}/other.db' AS other;", "ATTACH"),
        ("VACUUM INTO '{folder}/other.db';", "VACUUM"),
        ("SELECT load_extension('{folder}/other');", "reaches outside"),
        ("INSERT INTO t VALUES(writefile('{folder}/other', 'x'));", "reaches outside|writefile"),
        ("SELECT readfile('/etc/passwd');", "reaches outside|readfile"),
        ("CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd');", "module"),
        ("CREATE TEMP TABLE v(a);", "not kept"),
        (".shell touch {folder}/other\n", "command for the shell"),
        (".read {folder}/other\n", "command for the shell"),
        ("INSERT INTO missing VALUES(1);", "no such table: missing: INSERT INTO missing"),
        ("INSERT INTO t VALUES(app_word('x'));", "only its application has the function app_word"),
        ("CREATE UNIQUE INDEX i ON t(a);", "UNIQUE"),
        ("CREATE TABLE t(b);", "already exists"),
        ("PRAGMA writable_schema=ON; DELETE FROM nowhere;", "no such table: nowhere"),
    ],
)
def test_a_statement_that_cannot_be_loaded_is_named_with_its_line(
    tmp_path: Path, statement: str, words: str
) -> None:
    dump = (
        f"CREATE TABLE t(a);\n-- two\nINSERT INTO t VALUES('x'),('x');\n{statement.format(folder=tmp_path)}"
    )
    with pytest.raises(SourceDumpError, match=f"Line 4 of the dump .*({words})") as refused:
        load(dump, tmp_path)
    assert refused.value.place == PLACE
    assert refused.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["loaded.db"]


def test_settings_of_a_connection_are_passed_over(tmp_path: Path) -> None:
    dump = f"PRAGMA temp_store_directory='{tmp_path}/x'; PRAGMA journal_mode=WAL; CREATE TABLE t(a);"
    loaded = load(dump, tmp_path)
    assert loaded.read_bytes()[18:20] == b"\x01\x01"


@pytest.mark.parametrize(
    ("statement", "whose"),
    [
        ("CREATE TABLE `a` (`id` int NOT NULL AUTO_INCREMENT) ENGINE=InnoDB;", "MySQL"),
        ("LOCK TABLES `a` WRITE;", "MySQL"),
        ("COPY public.a (id) FROM stdin;", "PostgreSQL"),
        ("CREATE SEQUENCE public.a START WITH 1;", "PostgreSQL"),
        ("SET statement_timeout = 0;", "PostgreSQL"),
    ],
)
def test_the_sql_of_another_database_is_recognised_in_the_middle(
    tmp_path: Path, statement: str, whose: str
) -> None:
    with pytest.raises(ForeignDumpError, match=f"a dump of {whose}, and not of SQLite"):
        load(f"CREATE TABLE ok(a);\n{statement}", tmp_path)


def test_memory_holds_one_statement(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        """15 MB of statements, made as they are read."""

        left = 150_000

        def read(self, size: int = -1, /) -> bytes:
            lines = min(self.left, max(1, size // 100))
            self.left -= lines
            return (
                b"INSERT INTO t VALUES(1, 'some words; of a row -- that are many times the same, and ''quoted''');\n"
                * lines
            )

    stream = Endless()
    first = io.BytesIO(b"CREATE TABLE t(a, b);\n")
    tracemalloc.start()
    try:

        class Both:
            def read(self, size: int, /) -> bytes:
                return first.read(size) or (stream.read(size) if stream.left else b"")

        load_dump(Both(), tmp_path / "loaded.db", PLACE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    with closing(sqlite3.connect(tmp_path / "loaded.db")) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (150_000,)


@pytest.mark.parametrize("end", ["');", ""])
def test_a_literal_that_is_too_long_for_the_memory_is_told_by_its_line(tmp_path: Path, end: str) -> None:
    dump = tmp_path / "long.sql"
    with dump.open("w") as file:
        file.write("BEGIN;\nCREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('")
        for _ in range(40):
            file.write("x" * (1 << 20))
        file.write(f"{end}\nCOMMIT;\n")

    with pytest.raises(SourceTooLargeError) as raised:
        take_snapshot(
            Source("long", str(dump)), tmp_path / "out", budget=SourceBudget(memory_bytes=256 << 20)
        )

    assert "The statement in line 3 of the dump is longer than 33,554,432 bytes" in raised.value.what
    assert "MIGRATION_SOURCE_MEMORY_BYTES" in raised.value.remedy


def test_a_long_literal_below_the_bound_is_loaded(tmp_path: Path) -> None:
    dump = tmp_path / "long.sql"
    dump.write_text(f"CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('{'x' * (31 << 20)}');\n")

    taken = take_snapshot(
        Source("long", str(dump)), tmp_path / "out", budget=SourceBudget(memory_bytes=256 << 20)
    )

    with closing(sqlite3.connect(taken.path)) as connection:
        assert connection.execute("SELECT length(a) FROM t").fetchall() == [(31 << 20,)]
