"""Rows on pages that no table leads to any more: found, read and brought, without what was deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migration.model import Source
from migration.source.integrity_check import check_database
from migration.source.salvage.orphaned_pages import find_orphaned_pages, read_free_pages
from migration.source.snapshots.snapshot_creation import Snapshot, take_snapshot

PAGE_BYTES = 1024
SCRIPT = f"""
PRAGMA page_size = {PAGE_BYTES};
"""
# Every serial type of a record; texts and blobs that end on the page, at its end, and pages further on.
VALUES: list[Any] = [
    None, 0, 1, -1, 127, -(2**15), 2**23 - 1, 2**31, -(2**47), 2**63 - 1, 0.5, -0.0, float("inf"), "", "žluť", "a\0b",
    b"", b"\xff\x00", "x" * 900, "y" * 987, b"z" * 988, "long " * 3_000,
]  # fmt: skip


def tables_of(values: list[Any], rows: int) -> list[tuple[Any, ...]]:
    return [(n, f"row {n}", values[n % len(values)]) for n in range(1, rows + 1)]


@pytest.fixture
def path(build: Callable[..., Path]) -> Path:
    made = build(SCRIPT + "CREATE TABLE kept (id INTEGER PRIMARY KEY, name, v); CREATE TABLE lost (name, v);")
    with closing(sqlite3.connect(made)) as connection:
        connection.executemany("INSERT INTO kept VALUES (?, ?, ?)", tables_of(VALUES, 200))
        connection.executemany("INSERT INTO lost (rowid, name, v) VALUES (?, ?, ?)", tables_of(VALUES, 300))
        connection.commit()
    return made


def scribble(path: Path, page: int, data: bytes, offset: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + offset)
        file.write(data)


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        connection.text_factory = bytes
        return connection.execute(statement).fetchall()


def root_page(path: Path, name: str) -> int:
    return int(query(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{name}'")[0][0])


def salvage(path: Path, folder: Path) -> Snapshot:
    snapshot = take_snapshot(Source("app", str(path)), folder, salvage=True)
    check_database(snapshot.path, {"source": "snapshot"})
    return snapshot


def test_rows_of_a_destroyed_tree_arrive_value_for_value(path: Path, folder: Path) -> None:
    expected = query(path, "SELECT rowid, 2, name, v, typeof(v) FROM lost ORDER BY rowid")
    kept = query(path, "SELECT * FROM kept")
    scribble(path, root_page(path, "lost"), b"\xff" * 100)
    snapshot = salvage(path, folder)
    assert (
        query(snapshot.path, "SELECT id, nfield, c0, c1, typeof(c1) FROM lost_and_found ORDER BY id")
        == expected
    )
    assert query(snapshot.path, "SELECT * FROM kept") == kept
    (damage,) = [damage for damage in snapshot.damage if damage.table == "lost_and_found"]
    assert "300 rows on them are in the table lost_and_found" in damage.message
    (pages,) = query(snapshot.path, "SELECT count(DISTINCT pgno), min(pgno) FROM lost_and_found")
    assert damage.message.startswith(f"{pages[0]} pages belong to no table that can be named")
    assert (damage.key or "").startswith(f"pages {pages[1]}, ")


def test_without_a_list_of_tables_all_rows_with_a_rowid_arrive(path: Path, folder: Path) -> None:
    expected = query(path, "SELECT id, 3, name, v FROM kept ORDER BY id")
    scribble(path, 1, b"\xff" * 200, offset=100)
    snapshot = salvage(path, folder)
    assert ("", "its list of tables is destroyed") in [(d.table, d.message) for d in snapshot.damage]
    found = "SELECT id, nfield, c1, c2 FROM lost_and_found WHERE nfield = 3 ORDER BY id"
    assert query(snapshot.path, found) == expected
    # Each lost tree has its topmost page, so that the rows of one table can be told from those of another.
    assert query(
        snapshot.path, "SELECT nfield, count(*), count(DISTINCT rootpgno) FROM lost_and_found GROUP BY 1"
    ) == [
        (2, 300, 1),
        (3, 200, 1),
    ]


@pytest.mark.parametrize("auto_vacuum", ["NONE", "INCREMENTAL"])
def test_what_was_deleted_stays_deleted_while_the_list_of_free_pages_is_whole(
    build: Callable[..., Path], folder: Path, auto_vacuum: str
) -> None:
    path = build(
        f"{SCRIPT}; PRAGMA auto_vacuum = {auto_vacuum}; CREATE TABLE kept (v); CREATE TABLE gone (v);"
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        for table in ("gone", "kept"):
            connection.executemany(f"INSERT INTO {table} VALUES (?)", [(f"{table} {n}",) for n in range(500)])
        connection.commit()
        connection.execute("DELETE FROM gone")
        connection.commit()
    assert b"gone 250" in path.read_bytes()
    scribble(path, root_page(path, "kept"), b"\xff" * 100)
    with_list = salvage(path, folder)
    assert query(with_list.path, "SELECT substr(c0, 1, 4), count(*) FROM lost_and_found GROUP BY 1") == [
        (b"kept", 500)
    ]
    scribble(path, 1, (2**31).to_bytes(4, "big"), offset=32)
    without_list = salvage(path, folder)
    assert query(without_list.path, "SELECT count(*) FROM lost_and_found WHERE c0 LIKE 'gone%'")[0][0] > 400
    assert any("deleted rows may be among them" in damage.message for damage in without_list.damage)


def test_a_table_of_that_name_keeps_it(build: Callable[..., Path], folder: Path) -> None:
    path = build(
        SCRIPT
        + "CREATE TABLE Lost_And_Found (v); CREATE TABLE lost (v); INSERT INTO Lost_And_Found VALUES (7)"
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO lost VALUES (?)", [(f"row {n}",) for n in range(500)])
        connection.commit()
    scribble(path, root_page(path, "lost"), b"\xff" * 100)
    snapshot = salvage(path, folder)
    assert query(snapshot.path, "SELECT * FROM Lost_And_Found") == [(7,)]
    assert query(snapshot.path, "SELECT count(*) FROM lost_and_found_0") == [(500,)]


def test_cells_that_make_no_sense_are_left_out(path: Path, folder: Path) -> None:
    scribble(path, root_page(path, "lost"), b"\xff" * 100)
    roots = [root_page(path, "kept")]
    pages = find_orphaned_pages(path, roots, read_free_pages(path))
    page = next(iter(pages.roots))
    whole = len(list(pages.rows()))
    scribble(path, page, b"\xff" * 300, offset=PAGE_BYTES - 300)
    left = list(find_orphaned_pages(path, roots, read_free_pages(path)).rows())
    assert 0 < whole - len(left) < 40
    assert all(row.values[0] is not None for row in left)
    assert "lost_and_found" in {damage.table for damage in salvage(path, folder).damage}


def test_a_sound_database_has_no_lost_pages(path: Path) -> None:
    roots = [row[0] for row in query(path, "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")]
    assert find_orphaned_pages(path, roots, read_free_pages(path)).roots == {}
