"""Words and lists that a library keeps as text go into the booleans and arrays of an application's tables."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.value_conversion.rules import RULES, Context, Misfit
from tests.support.direct import Direct
from tests.support.field import Build, migrate, types


def test_words_of_truth_are_those_of_the_server(target_url: str) -> None:
    """Every start of every word, in all mixtures of case, with blanks, and what is none."""
    words = {
        word[:end]
        for word in ("true", "false", "yes", "no", "on", "off", "1", "0", "truex", "ja")
        for end in range(1, 6)
    }
    cased = {
        "".join(parts)
        for word in words
        for parts in itertools.product(*((c.lower(), c.upper()) for c in word))
    }
    tried = sorted(cased | {f" {word}\t" for word in words} | {"", "o n", "\xa0yes", "tRUE ", "01", "é"})
    rule = RULES["text_to_bool"]
    with psycopg.connect(target_url, autocommit=True) as connection:
        for word in tried:
            try:
                there = connection.execute("SELECT CAST(%s::text AS boolean)", [word]).fetchone()
            except psycopg.DataError:
                there = None
            try:
                here: tuple[bool] | None = (rule.scalar(word, Context()),)
            except Misfit:
                here = None
            assert here == there, word


def test_words_become_booleans(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, flag TEXT, own BOOLEAN);"
        "INSERT INTO t VALUES (1, 'yes', 'Y'), (2, 'OFF', 'no'), (3, 'maybe', 'on'), (4, 'o', 'f');"
    )
    migrate(direct, path, target_schema="words")
    assert types(direct, "words") == {"id": "integer", "flag": "text", "own": "boolean"}
    direct.query("CREATE SCHEMA words_app")
    direct.query("CREATE TABLE words_app.t (id int PRIMARY KEY, flag boolean, own boolean)")
    _, report = migrate(direct, path, target_schema="words_app", data_only=True)
    assert direct.query("SELECT id, flag, own FROM words_app.t ORDER BY 1") == [
        (1, True, True),
        (2, False, False),
    ]
    assert report.quarantine.by_reason == {"text is neither true nor false": 2}


LISTS = (
    ("{r}", ["r"]),
    ("a,b", ["a", "b"]),
    ('["a", "b c", "d,\\"e\\\\", null, ""]', ["a", "b c", 'd,"e\\', None, ""]),
    ("[]", []),
    ("admin", ["admin"]),
    ('["null", "NULL"]', ["null", "NULL"]),
)
DOUBTFUL = (
    "a, b",
    "a,,b",
    "a;b",
    'a,"b',
    '["a", 1]',
    "[a,b]",
    '{"a": 1}',
    "",
    "read write",
    "null",
    "(a,b)",
    '[{"a": 1}]',
)


def _lists(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, roles TEXT, numbers TEXT)")
        values = [text for text, _ in LISTS] + list(DOUBTFUL)
        database.executemany(
            "INSERT INTO t (roles, numbers) VALUES (?, '[1,2]')", [(value,) for value in values]
        )
        database.execute(
            "INSERT INTO t VALUES (100, NULL, '[[1, 2], [3, 4]]'), (101, NULL, '3,4'), (102, NULL, 'x,y')"
        )
    return path


def test_lists_become_arrays(direct: Direct, tmp_path: Path) -> None:
    path = _lists(tmp_path / "lists.db")
    direct.query("CREATE SCHEMA lists")
    direct.query("CREATE TABLE lists.t (id int PRIMARY KEY, roles text[], numbers int[])")
    _, report = migrate(direct, path, target_schema="lists", data_only=True)
    rows = direct.query("SELECT roles FROM lists.t WHERE id < 100 ORDER BY id")
    assert [row[0] for row in rows] == [value for _, value in LISTS]
    assert direct.query("SELECT numbers FROM lists.t WHERE id >= 100 ORDER BY id") == [
        ([[1, 2], [3, 4]],),
        ([3, 4],),
    ]
    assert report.quarantine.total == len(DOUBTFUL) + 1
    columns = {
        column.name: {t.name: t.values for t in column.transforms} for column in report.tables[0].columns
    }
    assert columns["roles"]["text_to_array"] == len(LISTS) - 1
    assert columns["roles"]["list_respelled"] == len(LISTS) - 1  # beside '{r}', which comes first
    assert any("{" in advice.detail and "list" in advice.title.lower() for advice in report.recommendations)


def test_the_mapping_file_may_forbid_the_reading_of_lists(direct: Direct, tmp_path: Path) -> None:
    path = _lists(tmp_path / "lists.db")
    direct.query("CREATE SCHEMA nolists")
    direct.query("CREATE TABLE nolists.t (id int PRIMARY KEY, roles text[], numbers text)")
    mapping = parse_mapping('[tables.t.columns]\nroles = { rules = { text = "text_to_text" } }\n', "m.toml")
    migrate(direct, path, target_schema="nolists", data_only=True, mapping=mapping)
    assert direct.query("SELECT roles FROM nolists.t WHERE id < 100") == [(["r"],)]
