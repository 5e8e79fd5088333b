"""--data-only into tables that compute what the source stores, or that have children: nothing is thrown away unsaid."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.exit_status import ExitStatus
from migration.model import FindingKind, Mode, Phase
from migration.report.report_builder import build_report
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine

if TYPE_CHECKING:
    from migration.report.report_model import Report
    from tests.support.direct import Direct

Build = Callable[[str], Path]
NUMBERS = count()


def standing(direct: Direct, ddl: str) -> str:
    schema = f"computed{next(NUMBERS)}"
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"SET search_path = {schema}".encode())
        connection.execute(ddl.encode())
    return schema


def report_of(direct: Direct, path: Path, schema: str, mode: Mode, **options: object) -> Report:
    run = direct.migrate(path, target_schema=schema, data_only=True, mode=mode, **options)
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    return build_report(direct.ledger, run.id)


SAME = (
    ("vat INT", "7", "vat integer GENERATED ALWAYS AS (price * 7 / 100) STORED"),
    (
        "vat REAL",
        "7",
        "vat numeric GENERATED ALWAYS AS (price * 7.00 / 100) STORED",
    ),  # 7 and 7.0000000000000000
    (
        "vat JSON",
        '\'{"b": 1.0, "a": 100}\'',
        'vat jsonb GENERATED ALWAYS AS (CASE WHEN price > 0 THEN \'{"a": 100, "b": 1.00}\'::jsonb END) STORED',
    ),
    ("vat TEXT", "'x'", "vat char(4) GENERATED ALWAYS AS (CASE WHEN price > 0 THEN 'x' END) STORED"),
    (
        "vat TEXT",
        "'00000000-0000-0000-0000-000000000064'",
        "vat uuid GENERATED ALWAYS AS (lpad(to_hex(price), 32, '0')::uuid) STORED",
    ),
    ("vat", "NULL", "vat integer GENERATED ALWAYS AS (NULLIF(price, 100)) STORED"),
    ("vat INT AS (price / 2)", None, "vat integer GENERATED ALWAYS AS (price / 2) STORED"),
)
OTHER = (
    ("vat INT", "8", "vat integer GENERATED ALWAYS AS (price * 7 / 100) STORED"),
    ("vat INT", "NULL", "vat integer GENERATED ALWAYS AS (price * 7 / 100) STORED"),
    ("vat INT", "5", "vat integer GENERATED ALWAYS AS (NULLIF(price, 100)) STORED"),
    ("vat REAL", "0.0", "vat double precision GENERATED ALWAYS AS (price::float8 * 7 / 100) STORED"),
    ("vat TEXT", "'7.0'", "vat numeric GENERATED ALWAYS AS (price * 7 / 100) STORED"),
    ("vat INT AS (price / 2)", None, "vat integer GENERATED ALWAYS AS (price / 4) STORED"),
)


def sales(build: Build, declared: str, value: str | None) -> Path:
    stored = "" if value is None else f", {value}"
    return build(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, price INT, {declared}); INSERT INTO t VALUES (3, 100{stored});"
    )


@pytest.mark.parametrize(("declared", "value", "computed"), SAME)
def test_what_the_target_computes_alike_is_proved(
    direct: Direct, build: Build, declared: str, value: str | None, computed: str
) -> None:
    path = sales(build, declared, value)
    schema = standing(direct, f"CREATE TABLE t (id integer PRIMARY KEY, price integer, {computed})")
    for mode in (Mode.DRY_RUN, Mode.MIGRATE, Mode.VALIDATE):
        report = report_of(direct, path, schema, mode)
        assert (report.exit_status, report.findings) == (ExitStatus.PROVED, ()), mode


@pytest.mark.parametrize(("declared", "value", "computed"), OTHER)
def test_what_the_target_computes_otherwise_differs_and_is_named(
    direct: Direct, build: Build, declared: str, value: str | None, computed: str
) -> None:
    path = sales(build, declared, value)
    schema = standing(direct, f"CREATE TABLE t (id integer PRIMARY KEY, price integer, {computed})")
    for mode in (Mode.MIGRATE, Mode.VALIDATE):
        report = report_of(direct, path, schema, mode)
        named = [f for f in report.findings if f.kind in {FindingKind.DIFFERING_ROW, FindingKind.LOSSY_VALUE}]
        assert FindingKind.DIFFERING_ROW in {f.kind for f in named}, (mode, report.findings)
        assert {(f.column, f.key) for f in named} <= {("vat", "id = 3"), ("vat", "3")}
        assert report.exit_status == ExitStatus.FINDINGS
        assert "Proved" not in report.verdict.headline
        assert [table.equal for table in report.tables] == [False]


def test_a_computed_column_that_is_excluded_is_nobodys_business(direct: Direct, build: Build) -> None:
    path = sales(build, "vat INT", "8")
    schema = standing(
        direct,
        "CREATE TABLE t (id integer PRIMARY KEY, price integer, vat integer GENERATED ALWAYS AS (1) STORED)",
    )
    for mode in (Mode.MIGRATE, Mode.VALIDATE):
        report = report_of(direct, path, schema, mode, exclude=("t.vat",))
        assert report.exit_status == ExitStatus.PROVED
        values = next(part for part in report.verdict.parts if part.part == "values")
        assert values.checked == 2


def test_rows_out_of_quarantine_are_compared_with_what_is_computed(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, twice INT); INSERT INTO t VALUES (1, 1, 2), (2, -1, 5);"
    )
    schema = standing(
        direct,
        "CREATE TABLE t (id integer PRIMARY KEY, n integer CHECK (n > 0),"
        " twice integer GENERATED ALWAYS AS (n * 2) STORED)",
    )
    run = direct.migrate(path, target_schema=schema, data_only=True)
    assert {f.kind for f in build_report(direct.ledger, run.id).findings} == set()
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"ALTER TABLE {schema}.t DROP CONSTRAINT t_n_check".encode())
    retry_quarantine(direct.ledger, run.id)
    report = build_report(direct.ledger, run.id)
    assert [(f.column, f.key) for f in report.findings if f.kind is FindingKind.DIFFERING_ROW] == [
        ("twice", "id = 2")
    ]
    assert report.exit_status == ExitStatus.FINDINGS


@pytest.mark.parametrize("child", ["INSERT INTO c VALUES (1, 'again'), (50, 'more');", ""])
def test_rows_in_children_of_a_loaded_table_are_told_by_both(
    direct: Direct, build: Build, child: str
) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');")
    schema = standing(
        direct, f"CREATE TABLE t (id integer PRIMARY KEY, v text); CREATE TABLE c () INHERITS (t); {child}"
    )
    for mode in (Mode.MIGRATE, Mode.VALIDATE):
        report = report_of(direct, path, schema, mode)
        assert [f.kind for f in report.findings] == ([FindingKind.CHILD_ROWS] if child else [])
        assert report.exit_status == (ExitStatus.FINDINGS if child else ExitStatus.PROVED)
        assert [table.equal for table in report.tables] == [not child]
