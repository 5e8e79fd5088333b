from __future__ import annotations

import gzip
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api import source_inventory
from api.app import create_app
from api.source_inventory import take_inventory
from migration.source.unpacking.source_formats import SourceFormat
from tests.support.api import TOKEN, ApiClient, api_settings

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def database(path: Path, *tables: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for table in tables or ("t",):
            connection.execute(f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY AUTOINCREMENT)')
        connection.commit()
    return path


def found(root: Path, limit: int = 100, contains: str = "") -> list[str]:
    return [source.path for source in take_inventory(root, limit, contains).sources]


def test_databases_dumps_and_compressed_files_are_found_in_folders(tmp_path: Path) -> None:
    database(tmp_path / "b.db", "pupil", "word")
    database(tmp_path / "deep/er/a.sqlite")
    (tmp_path / "dump.sql").write_text("CREATE TABLE t (a);\n")
    (tmp_path / "packed.db.gz").write_bytes(gzip.compress(b"CREATE TABLE t (a);"))
    (tmp_path / "notes.txt").write_text("nothing")

    sources = {source.path: source for source in take_inventory(tmp_path, 100).sources}

    assert list(sources) == ["b.db", "dump.sql", "packed.db.gz", "deep/er/a.sqlite"]
    assert sources["b.db"].tables == ("pupil", "word")
    assert sources["b.db"].table_count == 2
    assert sources["b.db"].bytes == (tmp_path / "b.db").stat().st_size
    assert sources["dump.sql"].form is SourceFormat.DUMP
    assert sources["dump.sql"].table_count is None
    assert sources["packed.db.gz"].form is SourceFormat.GZIP


def test_nothing_outside_the_root_is_told_of(tmp_path: Path) -> None:
    outside = database(tmp_path / "outside/secret.db")
    root = tmp_path / "root"
    inside = database(root / "inside.db")
    (root / "way_out.db").symlink_to(outside)
    (root / "folder_out").symlink_to(outside.parent)
    (root / "again.db").symlink_to(inside)
    (root / "loop.db").symlink_to(root / "loop.db")

    assert found(root) == ["again.db", "inside.db"]


def test_pipes_hidden_files_and_files_that_cannot_be_named_are_passed_over(tmp_path: Path) -> None:
    database(tmp_path / "seen.db")
    database(tmp_path / ".hidden.db")
    database(tmp_path / ".folder/hidden.db")
    os.mkfifo(tmp_path / "pipe.db")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.db"))).write_bytes(
        (tmp_path / "seen.db").read_bytes()
    )

    assert found(tmp_path) == ["seen.db"]


def test_damaged_encrypted_and_hostile_files_are_listed_without_tables(tmp_path: Path) -> None:
    whole = database(tmp_path / "whole.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[:600])
    (tmp_path / "spoiled.db").write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))

    sources = {source.path: source for source in take_inventory(tmp_path, 100).sources}

    assert sources["whole.db"].table_count == 1
    assert sources["spoiled.db"].table_count is None


def test_a_database_in_use_keeps_no_trace_of_the_look(tmp_path: Path) -> None:
    path = database(tmp_path / "live.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()}

        [source] = take_inventory(tmp_path, 100).sources

        assert source.has_wal
        assert {
            file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()
        } == before


def test_the_look_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        database(tmp_path / f"{number}.db")
    assert take_inventory(tmp_path, 4).cut_off == ""
    assert "first 3" in take_inventory(tmp_path, 3).cut_off
    assert found(tmp_path, 3) == ["0.db", "1.db", "2.db"]
    assert found(tmp_path, 1, "3.D") == ["3.db"]

    monkeypatch.setattr(source_inventory, "MOST_ENTRIES", 3)
    assert "too many files" in take_inventory(tmp_path, 100).cut_off


def test_many_tables_are_counted_and_the_first_named(tmp_path: Path) -> None:
    database(tmp_path / "many.db", *(f"t{number}" for number in range(60)))
    [source] = take_inventory(tmp_path, 1).sources
    assert source.table_count == 60
    assert source.tables is not None
    assert len(source.tables) == source_inventory.MOST_TABLES_NAMED


def test_the_route_lists_them(tmp_path: Path) -> None:
    database(tmp_path / "school/math.db", "word")
    client = ApiClient(create_app(api_settings(tmp_path)), HEADERS)

    answer = client.get("/api/v1/sources?contains=math")

    assert answer.status_code == 200
    [entry] = answer.json()["sources"]
    assert entry["path"] == "school/math.db"
    assert entry["tables"] == ["word"]
    assert entry["format"] == "SQLite database"
    assert answer.json()["note"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "contains=" + "a" * 201])
def test_bounds_of_the_route(tmp_path: Path, query: str) -> None:
    client = ApiClient(create_app(api_settings(tmp_path)), HEADERS)
    assert client.get(f"/api/v1/sources?{query}").status_code == 422


def test_without_a_root_nothing_is_listed_and_a_missing_one_is_said(tmp_path: Path) -> None:
    nothing = ApiClient(create_app(api_settings(None)), HEADERS).get("/api/v1/sources")
    gone = ApiClient(create_app(api_settings(tmp_path / "gone")), HEADERS).get("/api/v1/sources")

    assert (nothing.status_code, nothing.json()["type"]) == (403, "urn:convoy:problem:sources-disabled")
    assert (gone.status_code, gone.json()["type"]) == (503, "urn:convoy:problem:source-root-missing")
    assert str(tmp_path) not in gone.text
