"""Indexes of a large table are built side by side, each by a step of its own, and nothing of the outcome differs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migration.model import Phase
from migration.steps import index_build_step
from tests.support.direct import Direct

SOURCE = """
CREATE TABLE parent (a INT, b TEXT COLLATE NOCASE, day DATE UNIQUE, n INT UNIQUE, PRIMARY KEY (a, b));
CREATE INDEX by_n ON parent (n DESC);
CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, n INT REFERENCES parent (n), "odd ""name" TEXT CHECK (n > 0));
CREATE INDEX "odd ""index" ON child ("odd ""name", lower(n)) WHERE n > 1;
CREATE UNIQUE INDEX partial ON child (n) WHERE n > 100;
INSERT INTO parent VALUES (1, 'x', '2024-01-05', 7), (2, 'y', '2024-1-5', 8);
INSERT INTO child VALUES (1, 7, 'p'), (5, 8, 'q');
"""


def outcome(direct: Direct, path: Path, schema: str) -> tuple[Any, ...]:
    run = direct.migrate(path, target_schema=schema)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    standing = direct.query(
        f"SELECT conname, contype::text, replace(pg_get_constraintdef(oid), '{schema}.', '') FROM pg_constraint"
        f" WHERE connamespace = '{schema}'::regnamespace AND contype <> 'n' ORDER BY 1"
    )
    indexes = direct.query(
        f"SELECT indexname, replace(indexdef, '{schema}.', '') FROM pg_indexes WHERE schemaname = '{schema}' ORDER BY 1"
    )
    objects = direct.query(
        f"SELECT kind, name, state, reason FROM convoy.objects WHERE run_id = '{run.id}' ORDER BY 1, 2"
    )
    findings = direct.query(f"SELECT message FROM convoy.findings WHERE run_id = '{run.id}' ORDER BY 1")
    [(steps,)] = direct.query(
        f"SELECT count(*) FROM convoy.steps WHERE run_id = '{run.id}' AND phase = 'indexing' AND stage = 0"
    )
    return (standing, indexes, objects, findings), steps


def test_lone_key_of_a_large_table_is_built_as_an_index_so_that_rows_can_be_read_meanwhile(
    direct: Direct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_build_step, "_LARGE_BYTES", 0)
    path = tmp_path / "lone.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE keyed (id INTEGER PRIMARY KEY, n INT CHECK (n > 0)); CREATE TABLE plain (n INT);"
            "CREATE INDEX by_n ON plain (n); INSERT INTO keyed VALUES (1, 2); INSERT INTO plain VALUES (3);"
        )
    run = direct.migrate(path, target_schema="lone")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    apart = f"SELECT spec ->> 'object' FROM convoy.steps WHERE run_id = '{run.id}' AND phase = 'indexing' AND stage = 0"
    assert direct.query(apart) == [("keyed_pkey",)]
    assert direct.query(
        "SELECT conname FROM pg_constraint WHERE conindid <> 0 AND conrelid = 'lone.keyed'::regclass"
    ) == [("keyed_pkey",)]


def test_large_and_small_tables_end_up_the_same(
    direct: Direct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)

    at_once, no_steps = outcome(direct, path, "small")
    monkeypatch.setattr(index_build_step, "_LARGE_BYTES", 0)
    apart, steps = outcome(direct, path, "large")

    assert (no_steps, steps) == (0, 8)
    assert apart == at_once
    # Two texts that are different days to SQLite are one to PostgreSQL: said once, whoever built the index.
    assert [finding for finding in apart[3] if "parent_day_key" in finding[0]]
