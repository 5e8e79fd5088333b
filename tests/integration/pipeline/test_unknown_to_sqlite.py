"""Collations, functions and words that this SQLite does not know cost what needs them by name, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from migration.model import Mode, ObjectState, Phase
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from tests.support.direct import Direct

APPLICATION = """
CREATE TABLE plain (id INTEGER PRIMARY KEY, t TEXT);
INSERT INTO plain VALUES (1, 'a'), (2, 'b');
CREATE TABLE tags (tag TEXT NOT NULL COLLATE unicase PRIMARY KEY, usn INT) WITHOUT ROWID;
CREATE TABLE fields (ntid INT NOT NULL, name TEXT NOT NULL COLLATE unicase, n INT,
    PRIMARY KEY (name, ntid)) WITHOUT ROWID;
CREATE TABLE decks (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE unicase UNIQUE);
INSERT INTO decks VALUES (1, 'B'), (2, 'a'), (3, 'é');
CREATE INDEX decks_reversed ON decks (turned(name));
CREATE INDEX decks_some ON decks (id) WHERE turned(name) > 'a';
CREATE TABLE shown (id INTEGER PRIMARY KEY, a TEXT,
    v TEXT GENERATED ALWAYS AS (turned(a)) VIRTUAL, s TEXT GENERATED ALWAYS AS (turned(a)) STORED);
INSERT INTO shown (id, a) VALUES (1, 'abc');
CREATE TABLE checked (id INTEGER PRIMARY KEY, a TEXT CHECK (turned(a) <> 'q'), b TEXT DEFAULT (turned('x')));
INSERT INTO checked (id, a) VALUES (1, 'abc');
CREATE VIEW turned_decks AS SELECT turned(name) AS t FROM decks ORDER BY name COLLATE unicase;
CREATE TRIGGER turning AFTER INSERT ON checked BEGIN UPDATE decks SET name = turned(name); END;
"""
TAGS = [f"{letter}{number}" for number in range(400) for letter in "aBcD"]
LEFT = {
    ("collation", "tags.tag"), ("collation", "fields.name"), ("collation", "decks.name"),
    ("column", "shown.v"), ("generated column", "shown.s"), ("default", "checked.b"), ("trigger", "turning"),
    ("view", "turned_decks"),
    ("index", "decks_reversed"), ("index", "decks_some"), ("check", "checked_check1"),
}  # fmt: skip


def _ignoring_case(left: str, right: str) -> int:
    return (left.lower() > right.lower()) - (left.lower() < right.lower())


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A database of an application that brings a collation and a function along."""
    path = tmp_path / "cards.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("unicase", _ignoring_case)
        connection.create_function("turned", 1, lambda value: str(value)[::-1], deterministic=True)
        connection.executescript(APPLICATION)
        connection.executemany("INSERT INTO tags VALUES (?, ?)", [(tag, len(tag)) for tag in TAGS])
        connection.executemany(
            "INSERT INTO fields VALUES (?, ?, ?)", [(n, tag, n) for n, tag in enumerate(TAGS)]
        )
        connection.commit()
    return path


def skipped(report: Report) -> dict[tuple[str, str], str]:
    return {(o.kind, o.name): o.reason for o in report.objects if o.state is ObjectState.SKIPPED}


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.MIGRATE])
def test_tables_of_an_unknown_collation_arrive(direct: Direct, application: Path, mode: Mode) -> None:
    run = direct.migrate(application, mode=mode, target_schema="cards", chunk_rows=100)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    report = build_report(direct.ledger, run.id)
    assert report.exit_status == 1
    assert set(skipped(report)) == LEFT
    assert {t.name: t.rows_source for t in report.tables}["tags"] == len(TAGS)
    if mode is Mode.MIGRATE:
        assert all(table.equal and table.conserved for table in report.tables)
        assert sorted(direct.query("SELECT tag FROM cards.tags")) == sorted((tag,) for tag in TAGS)
        assert direct.query("SELECT s FROM cards.shown") == [("cba",)]
        again = direct.migrate(application, mode=Mode.VALIDATE, target_schema="cards")
        assert all(table.equal for table in build_report(direct.ledger, again.id).tables)


def build_newest(path: Path, script: str) -> Path:
    """Write with the newest SQLite, which knows words that others may not."""
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y');"
    )
    connection.execute(script)
    connection.close()
    return path


def is_understood(path: Path) -> bool:
    """Tell whether Python's SQLite is new enough for a file."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema")
        except sqlite3.DatabaseError:
            return False
    return True


NEW_WORDS: dict[str, tuple[str, tuple[str, str]]] = {
    "trigger": (
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT group_concat(a ORDER BY id) FROM t; END;",
        ("trigger", "r"),
    ),
    "table": (
        "CREATE TABLE u (id INTEGER PRIMARY KEY, n INT DEFAULT 1_000, UNIQUE (n)); INSERT INTO u (id) VALUES (1);",
        ("table", "u"),
    ),
    "index": ("CREATE INDEX i ON t (a) WHERE id > 1_000;", ("index", "i")),
}


@pytest.mark.parametrize(("script", "left"), NEW_WORDS.values(), ids=NEW_WORDS.keys())
def test_definition_in_newer_words_is_left_out_by_name(
    direct: Direct, tmp_path: Path, script: str, left: tuple[str, str]
) -> None:
    path = build_newest(tmp_path / "newer.db", script)
    before = path.read_bytes()
    run = direct.migrate(path)
    report = build_report(direct.ledger, run.id)
    if is_understood(path):
        pytest.skip("this Python's SQLite knows these words")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert left in skipped(report)
    assert left[0] == "trigger" or "does not understand it" in skipped(report)[left]
    assert [(t.name, t.rows_target, t.equal) for t in report.tables] == [("t", 2, True)]
    assert path.read_bytes() == before


def test_view_in_newer_words_arrives_where_postgresql_knows_them(direct: Direct, tmp_path: Path) -> None:
    path = build_newest(
        tmp_path / "newer_view.db",
        "CREATE VIEW v AS SELECT group_concat(a, '-' ORDER BY id DESC) AS g FROM t;",
    )
    run = direct.migrate(path)
    assert run.phase is Phase.COMPLETED, run.error
    assert direct.query("SELECT g FROM newer_view.v") == [("y-x",)]
