"""Views over texts with collations, letters beyond ASCII and upper(), lower(), LIKE: the same rows, or left out."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migration.model import Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct

WORDS = (
    "abc",
    "ABC",
    "aBc",
    "abc ",
    "ABC  ",
    "é",
    "É",
    "e",
    "E",
    "ß",
    "x%",
    "X_",
    "",
    "straße",
    "STRASSE",
    "Ⅷ",
    "\u0131",
)
TABLES = """
CREATE TABLE t (
    id INTEGER PRIMARY KEY, n TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM, b TEXT, u TEXT COLLATE NOCASE UNIQUE, k INTEGER
);
CREATE TABLE s (id INTEGER PRIMARY KEY, n TEXT, w VARCHAR(20) COLLATE NOCASE);
"""
FIXED = (
    "SELECT upper(b) x FROM t",
    "SELECT lower(n) x FROM t",
    "SELECT upper(b) || lower('ÉE') x FROM t",
    "SELECT b LIKE 'É%' x FROM t",
    "SELECT id FROM t WHERE n LIKE 'ABC%'",
    "SELECT id FROM t WHERE b LIKE 'x!%' ESCAPE '!'",
    "SELECT n FROM t",
    "SELECT n AS m FROM t ORDER BY n",
    "SELECT length(n) x, n || 'y' y FROM t",
    "SELECT u, count(*) c FROM t WHERE u IS NOT NULL GROUP BY u",
    "SELECT count(DISTINCT u) c FROM t",
    "SELECT b, count(*) c FROM t GROUP BY b",
    "SELECT coalesce(n, 'none') x FROM t",
    "SELECT lower(n) = 'abc' x, id FROM t",
    "SELECT id FROM t WHERE n IS NULL",
    "SELECT n FROM t UNION ALL SELECT w FROM s",
)
LEFT_OUT = (
    "SELECT DISTINCT n FROM t",
    "SELECT DISTINCT * FROM (SELECT n FROM t)",
    "SELECT n FROM t UNION SELECT b FROM t",
    "SELECT b FROM t EXCEPT SELECT n FROM t",
    "SELECT n, count(*) c FROM t GROUP BY n",
    "SELECT id FROM t WHERE n = 'ABC'",
    "SELECT id FROM t WHERE 'ABC' = (n)",
    "SELECT id FROM t WHERE r IN ('abc')",
    "SELECT id FROM t WHERE b IN (SELECT n FROM t)",
    "SELECT id FROM t WHERE n BETWEEN 'a' AND 'b'",
    "SELECT max(n) m FROM t",
    "SELECT count(DISTINCT n) m FROM t",
    "SELECT nullif(n, 'abc') m FROM t",
    "SELECT CASE n WHEN 'abc' THEN 1 END m FROM t",
    "SELECT row_number() OVER (PARTITION BY n ORDER BY id) m FROM t",
    "SELECT row_number() OVER (ORDER BY n, id) m FROM t",
    "SELECT id FROM t ORDER BY n, id LIMIT 3",
    "SELECT a.id i, b.id j FROM t a JOIN t b ON a.r = b.r",
    "SELECT t.id FROM t JOIN s USING (n)",
    "SELECT t.k FROM t NATURAL JOIN s",
    "SELECT q.id FROM (SELECT id, n AS m FROM t) q WHERE q.m = 'abc'",
    "WITH q AS (SELECT id, n AS m FROM t) SELECT id FROM q WHERE m = 'abc'",
    "WITH q (i, m) AS (SELECT id, n FROM t) SELECT i FROM q WHERE m = 'abc'",
    "SELECT id FROM t WHERE (SELECT n) = 'abc'",
    "SELECT id FROM plain WHERE m = 'abc'",
    "SELECT id FROM listed WHERE z = 'abc'",
    "SELECT id FROM t WHERE u = 'abc'",
)


def fill(build: Callable[[str], Path], seed: int) -> Path:
    """Build the tables with random words in them."""
    path = build(TABLES)
    chosen = random.Random(seed)  # noqa: S311 - not for secrets
    with closing(sqlite3.connect(path)) as source, source:
        for number in range(40):
            words = [chosen.choice((*WORDS, None)) for _ in range(4)]
            source.execute("INSERT OR IGNORE INTO t VALUES (?, ?, ?, ?, ?, ?)", (number, *words, number % 5))
            source.execute("INSERT INTO s VALUES (?, ?, ?)", (number, *words[:2]))
        source.execute("CREATE VIEW plain AS SELECT id, n AS m FROM t")
        source.execute("CREATE VIEW listed (id, z) AS SELECT id, n FROM t")
    return path


def come_along(direct: Direct, path: Path, schema: str, queries: list[str]) -> set[int]:
    """Migrate views of these queries; return those that came along, which give the same rows as in SQLite."""
    with closing(sqlite3.connect(path)) as source, source:
        for number, query in enumerate(queries):
            source.execute(f"CREATE VIEW v{number} AS {query}")
    run = direct.migrate(path, target_schema=schema)
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    told = {i.name: i for i in build_report(direct.ledger, run.id).objects if i.kind == "view"}
    created = {n for n in range(len(queries)) if told[f"v{n}"].state != "skipped"}
    with closing(sqlite3.connect(path)) as source:
        for number in created:
            there = direct.query(f"SELECT * FROM {schema}.v{number}")
            here = source.execute(f"SELECT * FROM v{number}").fetchall()
            assert comparable(there) == comparable(here), queries[number]
    return created


def comparable(rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows without order, and without the difference between 1 and true."""
    return sorted(repr([int(v) if isinstance(v, bool) else v for v in row]) for row in rows)


def test_views_that_do_not_compare_by_a_collation_come_along(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    created = come_along(direct, fill(build, 1), "collated", list(FIXED))
    assert [FIXED[n] for n in range(len(FIXED)) if n not in created] == []


def test_views_that_compare_by_a_collation_are_left_out(direct: Direct, build: Callable[[str], Path]) -> None:
    created = come_along(direct, fill(build, 2), "folding", list(LEFT_OUT))
    assert [LEFT_OUT[n] for n in created] == []


COLUMNS = (
    "n",
    "r",
    "b",
    "u",
    "upper(b)",
    "lower(n)",
    "n || b",
    "coalesce(r, b)",
    "substr(n, 1, 2)",
    "trim(r)",
)
SHAPES = (
    "SELECT {a} x, id FROM t",
    "SELECT DISTINCT {a} x FROM t",
    "SELECT {a} x, count(*) c FROM t GROUP BY {a}",
    "SELECT id FROM t WHERE {a} = {b}",
    "SELECT id FROM t WHERE {a} = '{w}'",
    "SELECT id FROM t WHERE {a} IN ('{w}', 'abc')",
    "SELECT id FROM t WHERE {a} LIKE '{w}%'",
    "SELECT count(DISTINCT {a}) c FROM t",
    "SELECT {a} x FROM t UNION ALL SELECT {b} FROM t",
    "SELECT {a} x FROM t UNION SELECT {b} FROM t",
    "SELECT {a} x FROM t INTERSECT SELECT {b} FROM t",
    "SELECT id, CASE WHEN {a} = '{w}' THEN {b} ELSE {a} END x FROM t",
    "SELECT id, CASE {a} WHEN '{w}' THEN 1 ELSE 0 END x FROM t",
    "SELECT id, nullif({a}, {b}) x FROM t",
    "SELECT p.id FROM t p JOIN (SELECT id AS i, {a} AS y FROM t) q ON p.b = q.y",
    "SELECT y FROM (SELECT {a} AS y, id FROM t) q WHERE y <> '{w}'",
    "WITH q AS (SELECT {a} AS y FROM t) SELECT count(*) c FROM q GROUP BY y",
    "SELECT id FROM t WHERE {a} IN (SELECT {b} FROM t WHERE k = 1)",
    "SELECT id FROM t WHERE EXISTS (SELECT {a} FROM t o WHERE o.k = t.k)",
    "SELECT id, count(*) OVER (PARTITION BY {a}) c FROM t",
)


@pytest.mark.parametrize("seed", range(4))
def test_random_views_give_the_same_rows_or_are_left_out(
    direct: Direct, build: Callable[[str], Path], seed: int
) -> None:
    chosen = random.Random(seed)  # noqa: S311 - not for secrets
    queries = [
        shape.format(a=chosen.choice(COLUMNS), b=chosen.choice(COLUMNS), w=chosen.choice(WORDS))
        for shape in SHAPES
        for _ in range(6)
    ]
    created = come_along(direct, fill(build, seed), f"random{seed}", queries)
    assert len(created) >= len(queries) // 4  # a guard that refuses all would be no translation
