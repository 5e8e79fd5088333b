from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import IdentifierPolicy
from migration.run_options import RunOptions
from tests.support.chance import RandomDatabase, databases
from tests.support.planning import planned, planned_with, without_reasons, written

ODD = r"""
CREATE TABLE "we ""ird"" Täble" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT, "UPPER" VARCHAR(3), upper_ TEXT DEFAULT 'a\b"c', "" TEXT,
    xmin INTEGER, [tab	name] DECIMAL(5,2), "a.b" BOOLEAN DEFAULT 1, nix DATE, untyped,
    stamp DATETIME DEFAULT CURRENT_TIMESTAMP, day DATE, js JSON, n INT, nn TEXT NOT NULL DEFAULT 'x',
    strange INTEGER DEFAULT (abs(random())), twice INT GENERATED ALWAYS AS (n * 2) STORED, code CHAR(4), f FLOAT
);
INSERT INTO "we ""ird"" Täble"
    ("id", "UPPER", upper_, "", xmin, [tab	name], "a.b", untyped, stamp, day, js, n, code, f)
VALUES
 (1, 'toolong', 'nul' || char(0), 'ok', 5, 1.25, 1, 'x', 1700000000, 1700000000, '{"a":1}', 1, 'ab', 1.5),
 (2, 'abc', CAST(x'ff' AS TEXT), 'é', 7, 3, 0, 2, 1600000000, '2020-01-01', '[]', '', 'cd', 2),
 (3000000000, NULL, x'00ff', '', '', NULL, NULL, 2.5, '2020-01-01 10:00', NULL, '', 9000000000, NULL, 1e300);
CREATE TABLE part (a INT, b TEXT, v BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO part VALUES (1, 'x', 'text'), (1, 'y', x'01');
CREATE TABLE Child (pid INT REFERENCES part, u TEXT COLLATE NOCASE UNIQUE, c CHECK (c > 0), jd TIMESTAMP, b BOOLEAN);
INSERT INTO Child VALUES (1, 'A', 1, 2450000.5, 'true'), (NULL, 'b', 2.5, 2460000.5, 0);
CREATE TABLE empty (x, y VARCHAR(10) NOT NULL, z CHAR(3), r REAL);
CREATE INDEX by_n ON Child (jd);
CREATE VIEW v AS SELECT a, b FROM part;
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(ODD)
    return path


@pytest.mark.parametrize("policy", list(IdentifierPolicy))
def test_decisions_written_and_read_again_make_the_same_plan(odd: Path, policy: IdentifierPolicy) -> None:
    options = RunOptions(identifiers=policy)
    before = planned(odd, options=options)[2]
    after = planned_with(odd, written(odd, options=options), options)
    assert without_reasons(after.tables) == without_reasons(before.tables)


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(database=databases(), policy=st.sampled_from(IdentifierPolicy))
def test_decisions_about_any_database_make_the_same_plan_again(
    tmp_path_factory: pytest.TempPathFactory, database: RandomDatabase, policy: IdentifierPolicy
) -> None:
    path = database.build(tmp_path_factory.mktemp("any") / "any.db")
    options = RunOptions(identifiers=policy)
    before = planned(path, options=options)[2]
    after = planned_with(path, written(path, options=options), options)
    assert without_reasons(after.tables) == without_reasons(before.tables)


def test_decisions_about_chinook_make_the_same_plan_again(shared_databases: Path) -> None:
    path = shared_databases / "chinook" / "Chinook_Sqlite_AutoIncrementPKs.sqlite"
    before = planned(path)[2]
    after = planned_with(path, written(path))
    assert without_reasons(after.tables) == without_reasons(before.tables)


def test_what_a_file_asks_for_is_written_again(odd: Path) -> None:
    text = """
    [tables.part]
    skip = true
    [tables.child]
    rename = "kids"
    key = ["u"]
    columns.c.skip = true
    columns.u = { normalise = ["trim", "lower"], nul = { replace = "?" }, default = "" }
    columns.b = { expression = "not b", type = "boolean" }
    columns.jd = { epoch = "julian", timezone = "Europe/Berlin" }
    """
    mapping = parse_mapping(text, "mapping.toml")
    again = parse_mapping(written(odd, mapping), "again.toml")
    first, second = planned(odd, mapping)[2], planned(odd, again)[2]
    assert without_reasons(first.tables) == without_reasons(second.tables)
    assert {t.target_name for t in first.tables} == {'we "ird" Täble', "kids", "empty"}


def test_comments_say_declaration_histogram_and_reason(odd: Path) -> None:
    text = written(odd)
    assert "# declared VARCHAR(3); holds 1 null, 2 text" in text
    assert "# VARCHAR(3) holds 7 characters, widened to text" in text
    assert "# without its default: abs(random())" in text


def test_text_is_toml_whatever_the_names_are(odd: Path) -> None:
    document = tomllib.loads(written(odd))
    assert set(document["tables"]) == {'we "ird" Täble', "part", "Child", "empty"}
    assert "tab\tname" in document["tables"]['we "ird" Täble']["columns"]
