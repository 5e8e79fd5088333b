"""Damaged files that these tests make: refused as they are, and salvaged on request, with a list of what is lost."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import NotADatabaseError, SourceCorruptError, SourceError
from migration.model import Source
from migration.source.integrity_check import check_database
from migration.source.salvage.database_salvage import Damage
from migration.source.salvage.readable_row_scan import Gap
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshots.snapshot_creation import Snapshot, take_snapshot

PAGE_BYTES = 4096
SCRIPT = """
PRAGMA page_size = 4096;
CREATE TABLE good (id INTEGER PRIMARY KEY, body TEXT NOT NULL, v REAL, at TIMESTAMP);
CREATE TABLE hurt (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT UNIQUE, n NUMERIC);
CREATE TABLE keyed (a TEXT COLLATE NOCASE, b INT, body TEXT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
CREATE TABLE heap (rowid TEXT, body, gen TEXT AS (body || '!') VIRTUAL, kept TEXT AS (body || '?') STORED);
CREATE INDEX hurt_body ON hurt (body DESC) WHERE body > '';
CREATE VIEW seen AS SELECT body FROM good;
CREATE TRIGGER told AFTER INSERT ON good BEGIN DELETE FROM hurt; END;
"""
ROWS = 2_000


@pytest.fixture
def path(build: Callable[..., Path]) -> Path:
    made = build(SCRIPT)
    with closing(sqlite3.connect(made)) as connection:
        numbers = range(1, ROWS + 1)
        connection.execute("DROP TRIGGER told")
        connection.executemany(
            "INSERT INTO good VALUES (?, ?, ?, ?)", [(n, f"good {n} " * 8, float(n), None) for n in numbers]
        )
        connection.executemany(
            "INSERT INTO hurt VALUES (?, ?, ?)", [(3 * n, f"hurt {n} " * 8, n / 4) for n in numbers]
        )
        connection.executemany(
            "INSERT INTO keyed VALUES (?, ?, ?)", [(f"key {n:05}", n, b"\xff" * 60) for n in numbers]
        )
        connection.executemany("INSERT INTO heap VALUES (?, ?)", [(str(n), "x" * 50) for n in numbers])
        connection.execute("CREATE TRIGGER told AFTER INSERT ON good BEGIN DELETE FROM hurt; END")
        connection.commit()
    return made


def scribble(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def query(path: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def root_page(path: Path, name: str) -> int:
    return query(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{name}'")[0][0]


def leaf_pages(path: Path, name: str) -> list[int]:
    """Return the numbers of a table's leaf pages, in the order of its keys; the tree has two levels."""
    data = path.read_bytes()
    root = data[(root_page(path, name) - 1) * PAGE_BYTES :][:PAGE_BYTES]
    assert root[0] in (5, 2)
    cells = int.from_bytes(root[3:5], "big")
    starts = [int.from_bytes(root[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
    children = [int.from_bytes(root[at : at + 4], "big") for at in starts]
    return [*children, int.from_bytes(root[8:12], "big")]


def refuse(path: Path, folder: Path, *names: str) -> str:
    """Without --salvage the source is refused, before anything is created."""
    with pytest.raises(SourceCorruptError) as caught:
        take_snapshot(Source("app", str(path)), folder)
    assert list(folder.iterdir()) == []
    assert caught.value.exit_status == 2
    for name in names:
        assert name in str(caught.value)
    return str(caught.value)


def salvage(path: Path, folder: Path) -> Snapshot:
    before = path.read_bytes()
    snapshot = take_snapshot(Source("app", str(path)), folder, salvage=True)
    assert path.read_bytes() == before
    check_database(snapshot.path, {"source": "snapshot"})
    assert [entry.name for entry in folder.iterdir()] == [snapshot.path.name]
    return snapshot


def lost(snapshot: Snapshot, table: str) -> list[Damage]:
    return [damage for damage in snapshot.damage if damage.table == table]


def assert_whole(original: Path, snapshot: Snapshot, *tables: str) -> None:
    for table in tables:
        statement = f"SELECT *, typeof(body) FROM {table}"
        assert query(snapshot.path, statement) == query(original, statement)
        assert lost(snapshot, table) == []


def test_a_sound_source_is_taken_as_it_is(path: Path, folder: Path) -> None:
    assert take_snapshot(Source("app", str(path)), folder) == salvage(path, folder)


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_zeroed_leaf_costs_its_own_rows_and_names_them(
    path: Path, folder: Path, tmp_path: Path, place: int
) -> None:
    whole = tmp_path / "whole.db"
    whole.write_bytes(path.read_bytes())
    pages = leaf_pages(path, "hurt")
    scribble(path, (pages[place] - 1) * PAGE_BYTES, bytes(PAGE_BYTES))
    refuse(path, folder, "hurt")
    snapshot = salvage(path, folder)
    assert_whole(whole, snapshot, "good", "keyed", "heap")
    left = {row[0] for row in query(snapshot.path, "SELECT id FROM hurt")}
    missing = sorted({3 * n for n in range(1, ROWS + 1)} - left)
    assert 10 < len(missing) < 100
    (damage,) = lost(snapshot, "hurt")
    before, after = missing[0] - 2, missing[-1] + 2  # every third rowid is there
    words = {0: f"rowids up to {after}", 10: f"rowids {before} to {after}", -1: f"rowids from {before} on"}
    assert damage.key == words[place]
    rows = query(whole, "SELECT * FROM hurt WHERE id NOT IN (SELECT 0)")
    assert query(snapshot.path, "SELECT * FROM hurt") == [row for row in rows if row[0] in left]


def test_two_hurt_leaves_leave_what_lies_between_them(path: Path, folder: Path) -> None:
    pages = leaf_pages(path, "hurt")
    for place in (4, 5, 9):
        scribble(path, (pages[place] - 1) * PAGE_BYTES, random.Random(place).randbytes(PAGE_BYTES))  # noqa: S311
    snapshot = salvage(path, folder)
    assert len(lost(snapshot, "hurt")) == 2
    (rows,) = query(snapshot.path, "SELECT count(*) FROM hurt")[0]
    per_leaf = ROWS / len(pages)
    assert abs(ROWS - rows - 3 * per_leaf) < per_leaf


def test_a_destroyed_tree_costs_the_table_and_no_other(path: Path, folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    whole.write_bytes(path.read_bytes())
    scribble(path, (root_page(path, "hurt") - 1) * PAGE_BYTES, b"\xff" * 100)
    refuse(path, folder, "hurt")
    snapshot = salvage(path, folder)
    assert_whole(whole, snapshot, "good", "keyed", "heap")
    assert [(d.table, d.message) for d in lost(snapshot, "hurt")] == [("hurt", "no row of it can be read")]
    assert query(snapshot.path, "SELECT count(*) FROM hurt") == [(0,)]


def test_a_table_without_rowid_is_read_from_both_ends(path: Path, folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    whole.write_bytes(path.read_bytes())
    scribble(path, (leaf_pages(path, "keyed")[10] - 1) * PAGE_BYTES, bytes(PAGE_BYTES))
    refuse(path, folder, "keyed")
    snapshot = salvage(path, folder)
    assert_whole(whole, snapshot, "good", "hurt", "heap")
    left = query(snapshot.path, "SELECT b FROM keyed ORDER BY b")
    assert (left[0], left[-1]) == ((1,), (ROWS,))
    assert ROWS - 100 < len(left) < ROWS
    (damage,) = lost(snapshot, "keyed")
    assert "after key key 0" in (damage.key or "")
    assert "before key key 0" in (damage.key or "")


def test_garbage_in_the_schema_costs_one_definition(path: Path, folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    whole.write_bytes(path.read_bytes())
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE hurt (", b"CREATE \xff\xfe\xfdLE hurt ("))
    refuse(path, folder, "damaged in table hurt")
    snapshot = salvage(path, folder)
    assert_whole(whole, snapshot, "good", "keyed", "heap")
    (damage,) = lost(snapshot, "hurt")
    assert damage.is_table_lost
    assert "its definition cannot be read" in damage.message
    tables = [table.name for table in read_schema(snapshot.path).tables]
    assert tables == ["good", "keyed", "heap", "lost_and_found"]


def test_a_trigger_on_a_lost_table_is_lost_with_it(path: Path, folder: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER orphan AFTER INSERT ON hurt BEGIN DELETE FROM good; END")
        connection.execute("CREATE VIEW last_one AS SELECT 1")
        connection.commit()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE hurt (", b"CREATE \xff\xfe\xfdLE hurt ("))
    snapshot = salvage(path, folder)
    objects = {(item.kind, item.name) for item in read_schema(snapshot.path).objects}
    assert objects == {("view", "seen"), ("trigger", "told"), ("view", "last_one")}
    assert any("trigger orphan could not be built anew" in damage.message for damage in snapshot.damage)


def test_a_bad_list_of_free_pages_costs_no_row(build, folder: Path, tmp_path: Path) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE gone (body TEXT);")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 200) for n in range(ROWS)])
        connection.execute("INSERT INTO gone SELECT body FROM t")
        connection.commit()
        connection.execute("DROP TABLE gone")
        connection.commit()
    whole = tmp_path / "whole.db"
    whole.write_bytes(path.read_bytes())
    scribble(path, 32, (2**31).to_bytes(4, "big"))
    refuse(path, folder)
    snapshot = salvage(path, folder)
    assert_whole(whole, snapshot, "t")
    assert [damage.table for damage in snapshot.damage] == [""]


@pytest.mark.parametrize("pages", [1, 7, 2**31 - 1])
def test_a_wrong_page_count_costs_no_row(path: Path, folder: Path, tmp_path: Path, pages: int) -> None:
    whole = tmp_path / "whole.db"
    whole.write_bytes(path.read_bytes())
    scribble(path, 28, pages.to_bytes(4, "big"))
    refuse(path, folder)
    snapshot = salvage(path, folder)
    assert_whole(whole, snapshot, "good", "keyed", "heap", "hurt")
    assert snapshot.damage


def test_of_a_cut_off_file_the_rows_before_the_cut_arrive(path: Path, folder: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 + 100])
    refuse(path, folder, "cut off")
    snapshot = salvage(path, folder)
    rows = {
        table: query(snapshot.path, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("good", "hurt", "keyed", "heap")
    }
    assert rows["good"] == ROWS
    assert sum(rows.values()) < 4 * ROWS
    for table, number in rows.items():
        assert bool(lost(snapshot, table)) == (number < ROWS), table


def test_keys_indexes_sequence_views_and_collations_come_along(path: Path, folder: Path) -> None:
    scribble(path, (leaf_pages(path, "good")[3] - 1) * PAGE_BYTES, bytes(PAGE_BYTES))
    snapshot = salvage(path, folder)
    schema, original = read_schema(snapshot.path), {t.name: t for t in read_schema(snapshot.path).tables}
    assert {t.name: t.sql for t in schema.tables}["keyed"].startswith(
        "CREATE TABLE keyed (a TEXT COLLATE NOCASE"
    )
    assert [index.name for index in original["hurt"].indexes] == ["sqlite_autoindex_hurt_1", "hurt_body"]
    assert original["hurt"].autoincrement_seq == 3 * ROWS
    assert {(item.kind, item.name) for item in schema.objects} == {("view", "seen"), ("trigger", "told")}
    assert query(
        snapshot.path,
        "SELECT id FROM hurt INDEXED BY hurt_body WHERE body > '' AND body = '" + "hurt 7 " * 8 + "'",
    ) == [(21,)]


def test_values_that_break_their_constraints_are_kept(build, folder: Path) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, body, n); CREATE TABLE hurt (a);")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?)", [(1, None, "12"), (2, "x", 5), (3, "x", 2**60)]
        )
        connection.execute("PRAGMA writable_schema = ON")
        sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT NOT NULL CHECK (body > 'y'), n INT)"
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 't'", (sql,))
        connection.commit()
    scribble(path, (root_page(path, "hurt") - 1) * PAGE_BYTES, b"\xff" * 100)
    snapshot = salvage(path, folder)
    assert query(snapshot.path, "SELECT id, body, n, typeof(n) FROM t") == [
        (1, None, "12", "text"),
        (2, "x", 5, "integer"),
        (3, "x", 2**60, "integer"),
    ]


def test_utf16_and_broken_text_and_blobs_keep_their_bytes(build, folder: Path) -> None:
    path = build("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (body TEXT); CREATE TABLE hurt (a);")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO t VALUES ('žluť'), (x'00ff'), (CAST(x'00d80000' AS TEXT))")
        connection.commit()
    before = query(path, "SELECT typeof(body), hex(CAST(body AS BLOB)) FROM t")
    scribble(path, (root_page(path, "hurt") - 1) * PAGE_BYTES, b"\xff" * 100)
    snapshot = salvage(path, folder)
    assert query(snapshot.path, "SELECT typeof(body), hex(CAST(body AS BLOB)) FROM t") == before
    assert query(snapshot.path, "PRAGMA encoding") == [("UTF-16le",)]


def test_a_lost_end_of_a_long_value_costs_its_row_alone(build, folder: Path) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 100) for n in range(1, 11)])
        connection.execute("UPDATE t SET body = ? WHERE id = 5", ("y" * 20_000,))
        connection.commit()
    data = path.read_bytes()
    pages = [data[at : at + PAGE_BYTES] for at in range(0, len(data), PAGE_BYTES)]
    first = next(number for number, page in enumerate(pages) if page[4:2000] == b"y" * 1996)
    scribble(path, first * PAGE_BYTES, (2**31).to_bytes(4, "big"))
    refuse(path, folder, "t")
    snapshot = salvage(path, folder)
    assert [row[0] for row in query(snapshot.path, "SELECT id FROM t")] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert [damage.key for damage in lost(snapshot, "t")] == ["rowid 5"]


def test_nothing_to_salvage_is_refused(build: Callable[..., Path], folder: Path) -> None:
    path = build("CREATE TABLE t (a)")
    scribble(path, 100, b"\xff" * 200)
    scribble(path, PAGE_BYTES, bytes(PAGE_BYTES))
    with pytest.raises(SourceCorruptError, match="Nothing of the database can be read"):
        take_snapshot(Source("app", str(path)), folder, salvage=True)
    path.write_text("no database" * 100)
    with pytest.raises(NotADatabaseError):
        take_snapshot(Source("app", str(path)), folder, salvage=True)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_damage_there_is_a_sound_snapshot_or_one_error(
    path: Path, folder: Path, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - the same damage each time
    size = path.stat().st_size
    for _ in range(dice.choice([3, 20, 80])):
        scribble(path, dice.randrange(100, size - 64), dice.randbytes(dice.choice([1, 8, 64])))
    if seed % 3 == 0:
        path.write_bytes(path.read_bytes()[: dice.randrange(200, size)])
    try:
        snapshot = salvage(path, folder)
    except SourceError:
        return
    for table in read_schema(snapshot.path).tables:
        query(snapshot.path, f"SELECT count(*) FROM {table.name}")


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (Gap(None, None), "all rowids"),
        (Gap(None, 7), "rowids up to 7"),
        (Gap(7, None), "rowids from 7 on"),
        (Gap(7, 7), "rowid 7"),
        (Gap(-3, 7), "rowids -3 to 7"),
    ],
)
def test_a_gap_is_told_in_words(gap: Gap, words: str) -> None:
    assert str(gap) == words
