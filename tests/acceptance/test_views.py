"""A view that comes along gives the rows that it gave in SQLite; one that would not is left out with the reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from migration.model import Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct

ROWS = """
CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, n INTEGER, r REAL, b BLOB, dt TIMESTAMP, bo BOOLEAN);
INSERT INTO t VALUES
    (1, '2024-01-31', 3, 1.5, x'00', '2024-01-31 10:00:00', 1), (2, 'Abc', -7, 2.5, x'ff', NULL, 0),
    (3, NULL, NULL, NULL, NULL, NULL, NULL), (4, 'abc', 0, -0.5, x'41', '1999-12-31 23:59:59', 1);
CREATE TABLE digits (k INTEGER PRIMARY KEY, d VARCHAR(9), w INTEGER, u);
INSERT INTO digits VALUES (1, '5', 5, 5), (2, '-4', 'word', '5'), (3, '05', 'x', 'y'), (4, 0, '5', '0');
"""
QUERIES = (
    "strftime('%j', at) AS day FROM t",
    "strftime('%Y', dt) AS y FROM t",
    "strftime('%s', dt) AS y FROM t",
    "date(dt) AS d FROM t",
    "n / 2 AS x FROM t",
    "r / 2 AS x FROM t",
    "n / 0 AS x FROM t",
    "n % 2 AS x FROM t",
    "at || n AS x FROM t",
    "ifnull(n, 'none') AS x FROM t",
    "substr(at, -2) AS x FROM t",
    "substr(at, 0, 3) AS x FROM t",
    "round(r) AS x FROM t",
    "round(r, 0) AS x FROM t",
    "cast(r as integer) AS x FROM t",
    "cast(at as integer) AS x FROM t",
    "at LIKE 'a%' AS x FROM t",
    "id FROM t WHERE at LIKE 'a%'",
    "id FROM t WHERE at GLOB 'a*'",
    "id FROM t WHERE n",
    "count(*) AS c, bo FROM t GROUP BY bo",
    "sum(n) AS s, avg(n) AS a FROM t",
    "group_concat(at) AS s FROM t",
    "total(n) AS s FROM t",
    "min(n, 2) AS m FROM t",
    "max(id, n) AS m FROM t",
    "instr(at, 'b') AS m FROM t",
    "length(b) AS m FROM t",
    "length(at) AS m FROM t",
    "hex(b) AS m FROM t",
    "typeof(n) AS m FROM t",
    "printf('%d', n) AS m FROM t",
    "at IS NOT 'abc' AS m FROM t",
    "id FROM t WHERE at IS 'abc'",
    "id FROM t WHERE at = 'ABC' COLLATE NOCASE",
    "upper(at) AS m FROM t",
    "n = 3 AS m FROM t",
    "bo = 1 AS m FROM t",
    "bo + 1 AS m FROM t",
    "NOT n AS m FROM t",
    "random() > 0 AS m FROM t WHERE 0",
    "id FROM t WHERE bo = 1",
    "id FROM t WHERE dt > '2000-01-01'",
    "julianday(dt) AS j FROM t",
    "id FROM t LIMIT 2",
    "id, at FROM t ORDER BY at",
    "n, max(id) FROM t",
    "CASE n WHEN 3 THEN 'three' ELSE 0 END AS c FROM t",
    "coalesce(at, 0) AS c FROM t",
    '"at" || "nothing" AS c FROM t',
    "at, count(DISTINCT n) c FROM t GROUP BY at HAVING c >= 0",
    "abs(n) c FROM t",
    "trim(at, 'a') c FROM t",
    "replace(at, 'a', 'b') c FROM t",
    "char(65) c FROM t",
    "unicode(at) c FROM t",
    "nullif(n, 3) c FROM t",
    "iif(n > 0, 'p', 'm') c FROM t",
    "n << 1 c FROM t",
    "~n c FROM t",
    "-n c FROM t",
    "at > 5 c FROM t",
    "CURRENT_TIMESTAMP < '1' c FROM t",
    "id FROM t WHERE at IN ('abc', 'x') OR n BETWEEN 0 AND 5",
    "a.id FROM t a LEFT JOIN t b ON a.id = b.n WHERE b.id IS NULL",
    "id FROM t WHERE EXISTS (SELECT 1 FROM t q WHERE q.n = t.id)",
    "row_number() OVER (ORDER BY id) rn FROM t",
    "at COLLATE NOCASE c FROM t GROUP BY at COLLATE NOCASE",
    "date(at, '+1 day') c FROM t",
    "datetime('now') < 'a' c FROM t",
    "datetime(dt) c FROM t",
    "dt AS c FROM t WHERE dt LIKE '2024%'",
    "k, d, d = -4 AS e, d <> 5 AS f FROM digits WHERE d IN (5, 0, -4)",
    "w = 5 AS x FROM digits",
    "u = 5 AS x FROM digits",
    "u FROM digits WHERE u IN (5, 0)",
    "w FROM digits WHERE w IS 5",
    "rowid, OID AS o, digits._rowid_ AS p FROM digits",
    "rowid AS o, _rowid_ FROM t",
    "-k AS rowid FROM digits ORDER BY rowid LIMIT 1",
    "-k AS rowid FROM digits WHERE rowid = 2",
)
NAMES = "SELECT attname FROM pg_attribute WHERE attrelid = 'views.{}'::regclass ORDER BY attnum"
COME_ALONG = 36
"""At least so many of them: a guard that refuses all would be no translation."""


def comparable(rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows without order, and without the difference between 1, 1.0 and true, or 0 and -0."""
    return sorted(
        repr(
            [
                float(value) + 0.0 if isinstance(value, bool | int | float | Decimal) else value
                for value in row
            ]
        )
        for row in rows
    )


KINDS = """
CREATE TABLE k (id INTEGER PRIMARY KEY, n INTEGER, big BIGINT, r REAL, s TEXT, bo BOOLEAN, ts DATETIME, d DATE,
    dc DECIMAL(10,2), b BLOB, js JSON);
INSERT INTO k VALUES
    (1, 3, 3000000000, 3.0, 'a@b', 1, '2020-01-01 10:00:00', '2020-01-01', 99, x'61', '{"a": 1}'),
    (2, -7, -5, 2.5, 'Plain', 0, '1999-12-31 23:59:59.5', '1999-12-31', 1.5, x'ff', '[1]'),
    (3, 0, 0, 0.0, '', 1, NULL, NULL, 0, x'', NULL),
    (4, 2000000000, 4000000000, -1e15, 'é', NULL, '2020-02-02 00:00:00', '2020-02-02', -12.25, NULL, '"x"'),
    (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""
COLUMNS = ("n", "big", "r", "s", "bo", "ts", "d", "dc", "b", "js")
LITERALS = ("2", "0", "2.5", "'2'")
OPERATORS = ("||", "-", "*", "/", "%", "<<", "&", "NOT LIKE", "IS NOT", "<")
OTHERS = (
    "id FROM k WHERE s NOT LIKE '%@%'",
    "id FROM k WHERE NOT s LIKE '%@%'",
    "id FROM k WHERE s NOT LIKE '%!%%' ESCAPE '!'",
    "id FROM k WHERE s NOT LIKE 'É'",
    "CASE WHEN s NOT LIKE 'p%' THEN 1 ELSE 0 END x FROM k",
    "n NOT BETWEEN 0 AND 5 x FROM k",
    "n NOTNULL x FROM k",
    "id FROM k ORDER BY id LIMIT -1",
    "id FROM k ORDER BY id LIMIT -1 OFFSET 1",
    "id FROM k ORDER BY id LIMIT 2 OFFSET -1",
    "id FROM k ORDER BY id LIMIT 1 + 1",
    "unicode(s) x FROM k",
    "s || coalesce(n, 0) x FROM k",
    "s || coalesce(bo, 0) x FROM k",
    "s || (n > 1) x FROM k",
    "s || (n * 2) x FROM k",
    "s || CASE WHEN n > 1 THEN 1.0 ELSE 2.0 END x FROM k",
    "s || upper(s) || length(s) x FROM k",
    "n * n x FROM k",
    "-n x FROM k",
    "sum(n * 2) x FROM k",
    "(n + big) / n x FROM k",
    "n % (n - 3) x FROM k",
    "n / (n - 3) x FROM k",
    "2.5 % n x FROM k",
    "2 / n x FROM k",
    "'2' - s x FROM k",
    "'2' || n x FROM k",
    "2 << n x FROM k",
    "'2' < b x FROM k",
    "s NOT IN ('a@b', 'x') x FROM k",
    "ts NOT IN (d) x FROM k",
    "id FROM k WHERE d BETWEEN '2020-01-01' AND '2020-02-01'",
)


def test_operators_on_every_kind_of_column_give_the_same_or_are_left_out(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    pairs = [
        f"{left} {operator} {right} x FROM k"
        for operator in OPERATORS
        for left in COLUMNS
        for right in (*COLUMNS, *LITERALS)
    ]
    views = {f"w{number}": query for number, query in enumerate([*OTHERS, *pairs])}
    path = build(KINDS + ";".join(f"CREATE VIEW {name} AS SELECT {query}" for name, query in views.items()))
    run = direct.migrate(path, target_schema="operators")
    assert run.error is None
    told = {item.name: item for item in build_report(direct.ledger, run.id).objects if item.kind == "view"}
    created = [name for name in views if told[name].state != "skipped"]
    differing = []
    with closing(sqlite3.connect(path)) as source:
        for name in created:
            ours = comparable(source.execute(f"SELECT * FROM {name}").fetchall())
            try:
                theirs = comparable(direct.query(f"SELECT * FROM operators.{name}"))
            except psycopg.Error as error:
                theirs = [str(error).strip()]
            # Whole numbers of more than 64 bits become doubles in SQLite; an error is no wrong answer.
            if theirs != ["bigint out of range"]:
                differing += [(views[name], ours, theirs)] if ours != theirs else []
    assert differing == [], "\n".join(map(str, differing))
    assert "w0" in created
    assert len(created) > len(views) // 8


def test_views_give_the_same_rows_or_are_left_out(direct: Direct, build: Callable[[str], Path]) -> None:
    views = {f"v{number}": query for number, query in enumerate(QUERIES)}
    path = build(ROWS + ";".join(f"CREATE VIEW {name} AS SELECT {query}" for name, query in views.items()))
    run = direct.migrate(path, target_schema="views")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    told = {item.name: item for item in build_report(direct.ledger, run.id).objects if item.kind == "view"}
    assert set(told) == set(views)
    created = {name for name, item in told.items() if item.state != "skipped"}
    assert all(item.reason for name, item in told.items() if name not in created)
    with closing(sqlite3.connect(path)) as source:
        differing = [
            query
            for name, query in views.items()
            if name in created
            and comparable(direct.query(f"SELECT * FROM views.{name}"))
            != comparable(source.execute(f"SELECT * FROM {name}").fetchall())
        ]
        renamed = [
            query
            for name, query in views.items()
            if name in created
            and [column for (column,) in direct.query(NAMES.format(name))]
            != [column[0] for column in source.execute(f"SELECT * FROM {name}").description]
        ]
    assert differing == []
    assert renamed == []
    assert len(created) >= COME_ALONG
