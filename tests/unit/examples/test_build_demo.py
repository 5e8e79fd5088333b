"""The demo's database is the whole catalog, related, in many scripts, and the same each time."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from examples.build_demo import build, main, name_in_file
from examples.demo.dice import Dice, Sizes
from examples.demo.texts import TONGUES
from migration.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = 0.02
ROWS_AT_FULL_SCALE = 356_155


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("demo") / "small.db"
    build(path, SMALL)
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    names = [name_in_file(table.app, table.name) for table in CATALOG]
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def fingerprint(connection: sqlite3.Connection) -> str:
    """SHA-256 over the schema and every value; the file's own bytes change with SQLite's version."""
    digest = hashlib.sha256()
    for (sql,) in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"):
        digest.update(sql.encode())
    for name in counts(connection):
        for row in connection.execute(f"SELECT * FROM {name}"):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def test_every_catalog_table_is_there_and_only_one_is_empty(small: sqlite3.Connection) -> None:
    rows = counts(small)
    assert len(rows) == 34
    assert [name for name, count in rows.items() if count == 0] == ["performance_pattern"]


def test_second_question_is_named_by_its_app() -> None:
    assert name_in_file("reading", "question") == "question"
    assert name_in_file("comprehension", "question") == "comprehension_question"


def test_every_foreign_key_finds_its_parent(small: sqlite3.Connection) -> None:
    declared = sum(
        len(small.execute(f"PRAGMA foreign_key_list({name})").fetchall()) for name in counts(small)
    )
    assert declared == sum(column.references is not None for table in CATALOG for column in table.columns)
    assert small.execute("PRAGMA foreign_key_check").fetchall() == []
    assert small.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_rows_are_the_same_each_time(small: sqlite3.Connection, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    build(again, SMALL)
    with closing(sqlite3.connect(again)) as connection:
        assert fingerprint(connection) == fingerprint(small)
    assert fingerprint(small) == "38ffc769945c2935f44aec9a7884e780e1eb5b7c20fc607ac499b33404abf654"


def test_declared_types_hold_what_is_stored(small: sqlite3.Connection) -> None:
    stored = {"INTEGER": {"integer"}, "TEXT": {"text"}, "DOUBLE": {"real"}, "BOOLEAN": {"integer"}}
    for table in CATALOG:
        name = name_in_file(table.app, table.name)
        for column in table.columns:
            kinds = {row[0] for row in small.execute(f"SELECT DISTINCT typeof({column.name}) FROM {name}")}
            assert kinds - {"null"} <= stored.get(column.sqlite_type, {"text"}), (name, column.name)
            if column.sqlite_type == "BOOLEAN":
                assert {row[0] for row in small.execute(f"SELECT {column.name} FROM {name}")} <= {0, 1, None}
            if column.sqlite_type == "JSON":
                texts = f"(SELECT {column.name} FROM {name} WHERE {column.name} IS NOT NULL)"
                sql = f"SELECT count(*) FROM {texts} WHERE json_valid({column.name}) = 0"
                assert small.execute(sql).fetchone() == (0,), (name, column.name)


def test_times_are_as_go_writes_them(small: sqlite3.Connection) -> None:
    moments = [row[0] for row in small.execute("SELECT created_at FROM xp_log")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?\+00:00", m) for m in moments)


def test_columns_that_the_models_index_are_indexed(small: sqlite3.Connection) -> None:
    indexes = {row[0] for row in small.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")}
    assert {"idx_xp_log_user_id", "idx_comprehension_question_subject"} <= indexes


def test_text_is_in_every_script_and_has_its_edges(small: sqlite3.Connection) -> None:
    text = "".join(row[0] for row in small.execute("SELECT content FROM user_note"))
    assert all(any(sentence in text for sentence in tongue.sentences) for tongue in TONGUES)
    assert "\\" in text
    assert "\n" in text
    assert "\U00020000" in text  # beyond the 16-bit plane
    names = {row[0] for row in small.execute("SELECT display_name FROM users")}
    assert {None, ""} <= names


def test_sizes_follow_the_scale() -> None:
    assert Sizes.scaled(2).answers == 2 * Sizes.scaled(1).answers
    assert Sizes.scaled(0).problems == 10  # enough for every reference


def test_dice_fall_the_same_way_anywhere() -> None:
    dice = Dice("convoy")
    assert [dice.below(100) for _ in range(5)] == [46, 71, 59, 24, 11]


def test_command_line_says_what_it_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "demo.db"
    assert main(["--out", str(path), "--rows-scale", "0.005"]) == 0
    assert "34 tables" in capsys.readouterr().out
    assert [file.name for file in path.parent.iterdir()] == ["demo.db"]


def test_failing_build_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("examples.build_demo._INDEXES_AND_VIEWS", ("CREATE NONSENSE",))
    with pytest.raises(sqlite3.OperationalError):
        build(tmp_path / "demo.db", 0.005)
    assert list(tmp_path.iterdir()) == []


def test_full_scale_has_more_than_300_000_rows(small: sqlite3.Connection, tmp_path: Path) -> None:
    assert build(tmp_path / "full.db") == ROWS_AT_FULL_SCALE
    assert ROWS_AT_FULL_SCALE > 300_000 > sum(counts(small).values())
