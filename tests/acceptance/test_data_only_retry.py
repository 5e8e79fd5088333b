"""Rows that a load into the application's tables has kept apart get in after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.errors import TargetError, UsageError
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Phase
from migration.report.report_builder import build_report
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from migration.steps.run_rollback import roll_back_run

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from tests.support.direct import Direct

Build = Callable[[str], Path]

SOURCE = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, uid TEXT, name TEXT, extra TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER, n INTEGER);
INSERT INTO parent VALUES (1, '0123456789abcdef0123456789abcdef', 'fine', 'x'), (2, 'no uid', 'two', 'x'),
    (7, NULL, CAST(x'ff' AS TEXT), 'x');
INSERT INTO child VALUES (1, 1, 5), (2, 2, 5), (3, 7, -1), (4, 1, -2);
"""
TARGET = """
CREATE TABLE parent (
    name text NOT NULL, id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, uid uuid,
    shout text GENERATED ALWAYS AS (upper(name)) STORED
);
CREATE TABLE child (id serial PRIMARY KEY, parent_id integer REFERENCES parent, n integer CHECK (n > 0));
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no news'; END$$;
CREATE TRIGGER meddle BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION meddle();
"""
RULES = """
[tables.parent.columns]
name = { expression = "CASE WHEN id = 7 THEN 'seven' ELSE name END" }
uid = { expression = "CASE WHEN uid LIKE '0%' THEN uid END" }
[tables.child.columns]
n = { expression = "abs(n)" }
"""


@pytest.fixture
def loaded(direct: Direct, build: Build, request: pytest.FixtureRequest) -> tuple[str, RunRecord]:
    """A run with two parents and three children in quarantine, and the schema of its tables."""
    schema = f"retry_{abs(hash(request.node.name)) % 10**8}"
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(TARGET)
    run = direct.migrate(build(SOURCE), target_schema=schema, data_only=True, exclude=("parent.extra",))
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    assert rows(direct, schema) == [("parent", 1), ("child", 1)]
    return schema, run


def rows(direct: Direct, schema: str) -> list[tuple[Any, ...]]:
    return direct.query(
        f"SELECT 'parent', id FROM {schema}.parent UNION ALL SELECT 'child', id FROM {schema}.child"
    )


def test_rows_get_in_and_the_whole_is_proved(direct: Direct, loaded: tuple[str, RunRecord]) -> None:
    schema, run = loaded
    result = retry_quarantine(direct.ledger, run.id, parse_mapping(RULES, "rules.toml"))
    assert (result.stored, result.remaining, result.phase) == (5, 0, Phase.COMPLETED)
    assert not any(table.written_since for table in result.tables)
    assert direct.query(f"SELECT id, name, uid::text, shout FROM {schema}.parent ORDER BY id") == [
        (1, "fine", "01234567-89ab-cdef-0123-456789abcdef", "FINE"),
        (2, "two", None, "TWO"),
        (7, "seven", None, "SEVEN"),
    ]  # fmt: skip
    assert direct.query(f"SELECT id, parent_id, n FROM {schema}.child ORDER BY id") == [
        (1, 1, 5), (2, 2, 5), (3, 7, 1), (4, 1, 2)
    ]  # fmt: skip
    of_parent = f"tgname = 'meddle' AND tgrelid = '{schema}.parent'::regclass"
    assert direct.query(f"SELECT tgenabled::text FROM pg_trigger WHERE {of_parent}") == [("O",)]
    assert direct.query(f"INSERT INTO {schema}.child (parent_id) VALUES (7) RETURNING id") == [(5,)]
    report = build_report(direct.ledger, run.id)
    assert (report.exit_status, report.status) == (0, Phase.COMPLETED)
    assert [(t.equal, t.rows_loaded, t.rows_target) for t in report.tables] == [(True, 3, 3), (True, 4, 4)]


def test_rollback_takes_them_out_again(direct: Direct, loaded: tuple[str, RunRecord]) -> None:
    schema, run = loaded
    retry_quarantine(direct.ledger, run.id, parse_mapping(RULES, "rules.toml"))
    roll_back_run(direct.ledger, run.id)
    assert rows(direct, schema) == []


def test_table_that_was_written_to_since_keeps_what_is_in_it(
    direct: Direct, loaded: tuple[str, RunRecord]
) -> None:
    schema, run = loaded
    direct.query(f"INSERT INTO {schema}.child VALUES (2, 1, 9), (50, 1, 9)")
    result = retry_quarantine(direct.ledger, run.id, parse_mapping(RULES, "rules.toml"))
    assert {t.name: (t.stored, t.remaining, t.written_since) for t in result.tables} == {
        "parent": (2, 0, False), "child": (2, 1, True)
    }  # fmt: skip
    assert 'unique constraint "child_pkey"' in next(iter(result.tables[1].reasons))
    assert direct.query(f"SELECT id, n FROM {schema}.child ORDER BY id") == [
        (1, 5),
        (2, 9),
        (3, 1),
        (4, 2),
        (50, 9),
    ]
    lines = [
        o.reason
        for o in build_report(direct.ledger, run.id).objects
        if (o.kind, o.name) == ("table", "child")
    ]
    assert "its rows go into child" in lines[0]
    assert "proved by themselves" in lines[0]
    with pytest.raises(TargetError, match=r"written to or changed since the cutover.*child"):
        roll_back_run(direct.ledger, run.id)


def test_constraint_that_was_taken_away_lets_them_in_by_the_old_rules(
    direct: Direct, loaded: tuple[str, RunRecord]
) -> None:
    schema, run = loaded
    direct.query(f"ALTER TABLE {schema}.child DROP CONSTRAINT child_n_check")
    result = retry_quarantine(direct.ledger, run.id)
    assert {t.name: (t.stored, t.remaining) for t in result.tables} == {"parent": (0, 2), "child": (1, 2)}
    reasons = {reason for table in result.tables for reason in table.reasons}
    assert any("invalid input syntax for type uuid" in reason for reason in reasons)
    assert any('"child_parent_id_fkey"' in reason for reason in reasons)
    again = retry_quarantine(direct.ledger, run.id, parse_mapping(RULES, "rules.toml"))
    assert (again.stored, again.remaining, again.phase) == (4, 0, Phase.COMPLETED)


def test_mapping_of_another_type_is_refused(direct: Direct, loaded: tuple[str, RunRecord]) -> None:
    _, run = loaded
    with pytest.raises(UsageError, match="name"):
        retry_quarantine(
            direct.ledger, run.id, parse_mapping("tables.parent.columns.name.rename = 'x'", "m.toml")
        )


@pytest.mark.parametrize(
    ("narrow", "wide", "rows", "rule"),
    [
        ("varchar(5)", "text", "(1, 'short'), (2, 'much longer')", ""),
        ("varchar(5)", "varchar(50)", "(1, 'short'), (2, 'much longer')", ""),
        ("varchar(5)", "text", "(1, 'short'), (2, 'much longer')", "text"),
        ("smallint", "bigint", "(1, 7), (2, 70000)", ""),
        ("numeric(4,2)", "numeric(12,4)", "(1, 1.5), (2, 123456.75)", ""),
        ("uuid", "text", "(1, '0123456789abcdef0123456789abcdef'), (2, 'none')", ""),
    ],
)
def test_column_that_was_widened_takes_what_it_takes_now(
    direct: Direct, build: Build, request: pytest.FixtureRequest, narrow: str, wide: str, rows: str, rule: str
) -> None:
    schema = f"wide_{abs(hash(request.node.name)) % 10**8}"
    direct.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.item (id integer PRIMARY KEY, v {narrow})")
    source = build(f"CREATE TABLE item (id INTEGER PRIMARY KEY, v); INSERT INTO item VALUES {rows};")
    run = direct.migrate(source, target_schema=schema, data_only=True)
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    direct.query(f"ALTER TABLE {schema}.item ALTER COLUMN v TYPE {wide}")
    mapping = parse_mapping(f"tables.item.columns.v.type = '{rule}'", "m.toml") if rule else None

    result = retry_quarantine(direct.ledger, run.id, mapping)

    assert (result.stored, result.remaining, result.phase) == (1, 0, Phase.COMPLETED)
    assert direct.query(f"SELECT count(*) FROM {schema}.item") == [(2,)]
