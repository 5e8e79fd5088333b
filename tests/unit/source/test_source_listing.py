"""Folders and patterns as sources."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import SourceError, SourceUnreadableError, UsageError
from migration.source.source_listing import default_label, list_sources
from producer.cli.source_arguments import parse_sources
from tests.support.sqlite_dump import gzipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two databases among what lies beside databases."""
    found = tmp_path / "data"
    found.mkdir()
    for name in ("b.db", "a.sqlite", "no suffix"):
        with closing(sqlite3.connect(found / name)) as connection:
            connection.execute("CREATE TABLE t(a)")
    (found / "README").write_text("words")
    (found / "b.db-wal").write_bytes(b"\x37\x7f\x06\x82")
    (found / "b.db-shm").write_bytes(b"\0" * 100)
    (found / ".hidden.db").write_bytes((found / "b.db").read_bytes())
    (found / "old").mkdir()
    (found / "c.sql").write_text("BEGIN; CREATE TABLE t(a); COMMIT;")
    (found / "d.db.gz").write_bytes(gzipped((found / "b.db").read_bytes()))
    return found


def names(*paths: Path) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_is_its_databases_by_name(folder: Path) -> None:
    listing = list_sources(folder)
    assert listing is not None
    assert names(*listing.databases) == ["a.sqlite", "b.db", "no suffix"]
    assert listing.sentence == (
        f"Passed over in {folder}: README, b.db-shm, b.db-wal, old/ (no database); "
        "c.sql, d.db.gz (name dumps and compressed files by a pattern, or one by one)."
    )


@pytest.mark.parametrize(
    ("pattern", "found", "passed_over"),
    [
        ("*.db", ["b.db"], ()),
        (
            "*",
            ["a.sqlite", "b.db", "c.sql", "d.db.gz", "no suffix"],
            ("README", "b.db-shm", "b.db-wal", "old/"),
        ),
        ("[ab].*", ["a.sqlite", "b.db"], ("b.db-shm", "b.db-wal")),
        (".*", [".hidden.db"], ()),
        ("*.gz", ["d.db.gz"], ()),
    ],
)
def test_a_pattern_names_dumps_and_compressed_files_too(
    folder: Path, pattern: str, found: list[str], passed_over: tuple[str, ...]
) -> None:
    listing = list_sources(folder / pattern)
    assert listing is not None
    assert names(*listing.databases) == found
    assert listing.passed_over == passed_over


def test_a_file_of_that_very_name_is_no_pattern(folder: Path) -> None:
    (folder / "b.db").rename(folder / "[b].db")
    assert list_sources(folder / "[b].db") is None
    assert list_sources(folder / "missing.db") is None


def test_what_is_named_like_a_database_and_is_none_is_not_passed_over_in_silence(folder: Path) -> None:
    (folder / "broken.db").write_text("no database")
    listing = list_sources(folder)
    assert listing is not None
    assert "broken.db" in names(*listing.databases)


@pytest.mark.parametrize("pattern", ["", "*.db"])
def test_where_no_database_is_the_command_ends(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "README").write_text("words")
    with pytest.raises(
        SourceError, match=r"directory without a SQLite database|matches the pattern"
    ) as refused:
        parse_sources([str(tmp_path / pattern)])
    assert refused.value.exit_status == 2


def test_a_folder_of_dumps_alone_says_how_to_name_them(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t(a);")
    with pytest.raises(SourceUnreadableError, match=r"a\.sql \(name dumps"):
        parse_sources([str(tmp_path)])


def test_each_is_a_source_and_what_is_passed_over_is_told_in_one_line(folder: Path, monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.chdir(folder.parent)
    sources = parse_sources(["data/"], tell=told.append)
    assert [(source.label, source.location) for source in sources] == [
        ("a", f"{folder}/a.sqlite"),
        ("b", f"{folder}/b.db"),
        ("no suffix", f"{folder}/no suffix"),
    ]
    assert len(told) == 1
    assert told[0].count("\n") == 0
    assert parse_sources(["data/*.db"], tell=told.append)[0].label == "b"
    assert len(told) == 1


def test_a_label_is_for_one_file(folder: Path) -> None:
    assert parse_sources([f"mine={folder}/*.db"])[0].label == "mine"
    with pytest.raises(UsageError, match="The label mine is given to 3 files"):
        parse_sources([f"mine={folder}"])


def test_two_files_of_one_name_need_labels(folder: Path) -> None:
    (folder / "a.sqlite").rename(folder / "b.sqlite")
    with pytest.raises(UsageError, match="Two sources have the label b"):
        parse_sources([str(folder)])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("shop.db", "shop"),
        ("shop.sql.gz", "shop"),
        ("shop.db.zst", "shop"),
        ("shop.gz", "shop"),
        ("shop.v2.sqlite", "shop.v2"),
        (".gz", ".gz"),
    ],
)
def test_a_label_has_no_word_of_the_format(name: str, label: str) -> None:
    assert default_label(name) == label
