"""What a staging table refuses while rows are copied goes to the quarantine, one by one; the others are loaded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.exit_status import ExitStatus
from migration.model import FindingKind, Mode, OnError, Phase
from migration.report.report_builder import build_report

if TYPE_CHECKING:
    from tests.support.direct import Direct

Build = Callable[[str], Path]
NUMBERS = count()
ROWS = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w TEXT);" + "".join(
    f"INSERT INTO t VALUES ({n}, {n * 10}, 'w{n}');" for n in range(1, 41)
)


def test_rows_that_only_the_server_refuses_are_kept_apart(direct: Direct, build: Build) -> None:
    run = direct.start(build(ROWS), until=Phase.COPYING, batch_rows=7)
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"ALTER TABLE {run.staging_schema}.t ADD CHECK (v NOT IN (50, 390))".encode())
    run = direct.finish(run.id)
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    schema = run.options.target_schema
    assert direct.query(f"SELECT count(*), sum(v) FROM {schema}.t") == [(38, 8200 - 440)]
    report = build_report(direct.ledger, run.id)
    assert {sample.key for sample in report.quarantine.sample} == {"5", "39"}
    assert "violates check constraint" in report.quarantine.sample[0].reason
    assert [table.equal for table in report.tables] == [True]


def test_the_first_row_that_the_server_refuses_stops_a_run_that_wants_that(
    direct: Direct, build: Build
) -> None:
    run = direct.start(build(ROWS), until=Phase.COPYING, on_error=OnError.ABORT)
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"ALTER TABLE {run.staging_schema}.t ADD CHECK (v < 100)".encode())
    run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert "cannot be stored" in str(run.error)
    assert "key 10" in str(run.error)


def test_an_error_that_is_no_rows_names_table_and_remedy(direct: Direct, build: Build) -> None:
    run = direct.start(build(ROWS), until=Phase.COPYING)
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"ALTER TABLE {run.staging_schema}.t DROP COLUMN w".encode())
    run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert "table t" in str(run.error)
    assert "--exclude t" in str(run.error)


NUMERICS = (
    ("numeric(5,-2)", "12300", True),
    ("numeric(5,-2)", "12345", False),
    ("numeric(5,-2)", "9999900", True),
    ("numeric(5,-2)", "10000000", False),
    ("numeric(5,-2)", "0", True),
    ("numeric(5,-2)", "1.5", False),
    ("numeric(2,5)", "0.00012", True),
    ("numeric(2,5)", "-0.00099", True),
    ("numeric(2,5)", "0.001", False),
    ("numeric(2,5)", "0.000125", False),
    ("numeric(2,5)", "1", False),
    ("numeric(2,5)", "0", True),
    ("numeric(3,3)", "0.999", True),
    ("numeric(3,3)", "1", False),
)


@pytest.mark.parametrize(("target_type", "value", "fits"), NUMERICS)
def test_a_numeric_of_any_scale_takes_what_the_server_takes(
    direct: Direct, build: Build, target_type: str, value: str, fits: bool
) -> None:
    schema = f"scales{next(NUMBERS)}"
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.t (id integer PRIMARY KEY, v {target_type})".encode())
    for declared in ("NUMERIC", "TEXT"):
        path = build(
            "DROP TABLE IF EXISTS t;"
            f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO t VALUES (1, {value});"
        )
        options = {"target_schema": schema, "data_only": True, "accept": ("number_respelled",)}
        run = direct.migrate(path, **options)
        assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
        assert build_report(direct.ledger, run.id).quarantine.total == (0 if fits else 1)
        stored = direct.query(f"SELECT v = {value} FROM {schema}.t")
        assert stored == ([(True,)] if fits else [])
        if fits:
            checked = direct.migrate(path, mode=Mode.VALIDATE, **options)
            assert build_report(direct.ledger, checked.id).exit_status == ExitStatus.PROVED
        with psycopg.connect(direct.url) as connection:
            connection.execute(f"TRUNCATE {schema}.t".encode())


# A numeric has digits that no double has: one of them changed is a difference, whatever a cast would make of it.
DOUBLES = (
    ("REAL", "0.1", "0.1000000000000000055511151231257827021181583404541015625", False),
    ("REAL", "0.1", "0.1", True),
    ("REAL", "0.1", "0.10000000000000002", False),
    ("REAL", "9e999", "'Infinity'", True),
    ("REAL", "-9e999", "'-Infinity'", True),
    ("REAL", "9e999", "'-Infinity'", False),
    ("REAL", "9e999", "'NaN'", False),
    ("REAL", "1e300", "1e300", True),
    ("REAL", "1e300", "1e300 + 1", False),
    ("REAL", "1e300", "1e400", False),
    ("REAL", "5e-324", "4.9e-324", False),
    ("REAL", "1e17", "100000000000000001", False),
    ("NUMERIC", "9007199254740993", "9007199254740992", False),
    ("NUMERIC", "9007199254740993", "9007199254740993", True),
    ("TEXT", "'0.1'", "0.1000000000000000055511151231257827021181583404541015625", False),
)


@pytest.mark.parametrize(("declared", "value", "stands", "equal"), DOUBLES)
def test_a_double_is_equal_to_the_numeric_of_its_shortest_digits(
    direct: Direct, build: Build, declared: str, value: str, stands: str, equal: bool
) -> None:
    schema = f"doubles{next(NUMBERS)}"
    other = "2.5" if declared != "TEXT" else "'x'"
    path = build(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO t VALUES (1, {value});"
        + (f"INSERT INTO t VALUES (2, {other});" if declared == "NUMERIC" else "")
    )
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.t (id integer PRIMARY KEY, v numeric)".encode())
        connection.execute(f"INSERT INTO {schema}.t VALUES (1, {stands})".encode())
        if declared == "NUMERIC":
            connection.execute(f"INSERT INTO {schema}.t VALUES (2, {other})".encode())
    run = direct.migrate(path, mode=Mode.VALIDATE, target_schema=schema, data_only=True)
    report = build_report(direct.ledger, run.id)
    assert [table.equal for table in report.tables] == [equal]
    assert report.exit_status == (ExitStatus.PROVED if equal else ExitStatus.FINDINGS)


@pytest.mark.parametrize("declared", ["", "BLOB", "REAL", "NUMERIC", "FLOATING"])
@pytest.mark.parametrize(
    "values", [("5", "5.0"), ("5", "1.5"), ("5.0", "1.5"), ("5", "1e300"), ("5", "-0.0")]
)
def test_five_beside_five_point_zero_is_a_loss_where_the_declaration_tells_them_apart(
    direct: Direct, build: Build, declared: str, values: tuple[str, str]
) -> None:
    expected = declared in {"", "BLOB"} and values in {("5", "5.0"), ("5", "-0.0")}
    path = build(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared});"
        f"INSERT INTO t VALUES (1, {values[0]}), (2, {values[1]});"
    )
    run = direct.migrate(path, target_schema=f"classes{next(NUMBERS)}")
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    losses = [f for f in build_report(direct.ledger, run.id).findings if f.loss == "class_dropped"]
    assert [(f.kind, f.column, f.key) for f in losses] == (
        [(FindingKind.LOSSY_VALUE, "v", "2")] if expected else []
    )
