"""Names that differ only in the case of letters beyond ASCII are different names, to SQLite and so to us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration.model import Phase
from tests.support.direct import Direct

SCRIPT = """
CREATE TABLE Ω (id INTEGER PRIMARY KEY, É TEXT NOT NULL UNIQUE, é INTEGER);
CREATE TABLE ω (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES Ω (ID), other INTEGER REFERENCES "k" (n));
CREATE TABLE k (n INTEGER PRIMARY KEY);
CREATE TABLE \u212a (n INTEGER PRIMARY KEY, k TEXT, \u212a TEXT, CHECK (\u212a <> K));
CREATE INDEX by_é ON Ω (é DESC);
CREATE VIEW both AS SELECT Ω.É, Ω.é, ω.other FROM Ω JOIN ω ON ω.parent = Ω.id;
INSERT INTO Ω VALUES (1, 'a', 7);
INSERT INTO k VALUES (5);
INSERT INTO ω VALUES (1, 1, 5), (2, 1, NULL);
INSERT INTO \u212a VALUES (1, 'x', 'y');
"""


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()


def test_tables_and_columns_arrive_under_their_own_names(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="greek")
    assert run.phase is Phase.COMPLETED, run.error
    assert direct.query('SELECT "É", "é" FROM greek."Ω"') == [("a", 7)]
    assert direct.query('SELECT parent, other FROM greek."ω" ORDER BY id') == [(1, 5), (1, None)]
    assert direct.query('SELECT k, "\u212a" FROM greek."\u212a"') == [("x", "y")]
    keys = "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
    assert sorted(direct.query(f"{keys} AND connamespace = 'greek'::regnamespace")) == [
        ('greek."ω"', 'greek."Ω"'),
        ('greek."ω"', "greek.k"),
    ]


def test_one_of_two_is_chosen(direct: Direct, build: Callable[[str], Path]) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="greek", tables=("\u212a", "Ω"))
    assert run.phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS), run.error
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'greek'::regnamespace"
    assert sorted(name for (name,) in direct.query(tables)) == ["Ω", "\u212a"]
