"""The judge of docs/fidelity.md notices what a tool loses or changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bench.judge import Verdict, judge

SOURCE = """
CREATE TABLE "Item" (id INTEGER PRIMARY KEY, name TEXT, price REAL, at INTEGER);
INSERT INTO "Item" VALUES (1, 'one', 1.5, 5), (2, 'two', 0.1, NULL), (2000000000000, NULL, 2e300, 7);
"""
FAITHFUL = """CREATE TABLE item (id bigint, name text, price double precision, at int);
    INSERT INTO item VALUES (1, 'one', 1.5, 5), (2, 'two', 0.1, NULL), (2000000000000, NULL, 2e300, 7)"""


@pytest.mark.parametrize(
    ("change", "equal", "problem"),
    [
        ("", 3, ""),
        ("DROP TABLE item", 0, "Item: no table"),
        ("ALTER TABLE item DROP COLUMN at", 0, "Item: no column at"),
        ("DELETE FROM item WHERE id = 2", 2, "Item: 1 rows are not there"),
        ("UPDATE item SET price = 0 WHERE name IS NULL", 2, "Item: 1 rows differ from the source"),
        ("INSERT INTO item SELECT * FROM item", 3, "Item: 3 rows differ from the source"),
        (
            "ALTER TABLE item ALTER price TYPE numeric USING round(price::numeric)",
            1,
            "Item: 2 rows differ from the source",
        ),
    ],
    ids=["faithful", "no table", "no column", "lost row", "changed value", "doubled rows", "rounded"],
)
def test_what_is_lost_or_changed_is_seen(
    target_url: str, tmp_path: Path, change: str, equal: int, problem: str
) -> None:
    path = tmp_path / "source.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)
    with psycopg.connect(target_url) as target:
        target.execute(FAITHFUL.encode())
        if change:
            target.execute(change.encode())
    verdict = judge(path, target_url, {})
    expected = Verdict(1, int(not problem), 3, equal, (problem,) if problem else ())
    assert verdict == expected
