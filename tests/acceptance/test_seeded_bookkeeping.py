"""--data-only: what migration tools keep stays as the application has written it, and is compared with the source's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.model import IfExists, Mode, Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord

Build = Callable[[str], Path]

NOTE = "CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT); INSERT INTO note VALUES (1, 'x');"
PG_NOTE = "CREATE TABLE note (id serial PRIMARY KEY, t text);"


def make(direct: Direct, schema: str, script: str) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(script.encode())


def load(direct: Direct, source: Path, schema: str, **options: Any) -> RunRecord:
    return direct.migrate(source, target_schema=schema, data_only=True, **options)


def told(direct: Direct, run: RunRecord, table: str) -> str:
    (item,) = [item for item in build_report(direct.ledger, run.id).objects if item.name == table]
    assert item.state == "skipped"
    return item.reason


TYPEORM = (
    "CREATE TABLE migrations (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, timestamp bigint NOT NULL,"
    " name varchar NOT NULL); INSERT INTO migrations VALUES (1, 1700000000001, 'StartLite1700000000001');"
    + NOTE
)
PG_TYPEORM = (
    "CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL);"
    "INSERT INTO migrations (timestamp, name) VALUES (1690000000000, 'StartPg1690000000000');" + PG_NOTE
)


@pytest.mark.parametrize("if_exists", list(IfExists))
def test_table_called_migrations_keeps_the_rows_of_the_application(
    direct: Direct, build: Build, if_exists: IfExists
) -> None:
    schema = f"bk_typeorm_{if_exists.value}"
    make(direct, schema, PG_TYPEORM)
    run = load(direct, build(TYPEORM), schema, if_exists=if_exists)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert direct.query(f"SELECT name FROM {schema}.migrations") == [("StartPg1690000000000",)]
    assert direct.query(f"SELECT id, t FROM {schema}.note") == [(1, "x")]
    reason = told(direct, run, "migrations")
    assert reason.startswith("TypeORM keeps book here")
    assert "1 only in the source (StartLite1700000000001)" in reason
    assert "1 only in the target (StartPg1690000000000)" in reason


def test_table_of_that_name_and_another_shape_is_loaded(direct: Direct, build: Build) -> None:
    make(
        direct,
        "bk_birds",
        "CREATE TABLE migrations (id int PRIMARY KEY, bird text, timestamp text, name text)",
    )
    source = build(
        "CREATE TABLE migrations (id INTEGER PRIMARY KEY, bird TEXT, timestamp TEXT, name TEXT);"
        "INSERT INTO migrations VALUES (1, 'swift', 'may', 'Ann');"
    )
    run = load(direct, source, "bk_birds")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert direct.query("SELECT bird FROM bk_birds.migrations") == [("swift",)]


DJANGO = (
    "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT);"
    "INSERT INTO django_migrations VALUES (1, 'shop', '0001_initial', '2024-01-01'),"
    " (2, 'shop', '0002_price', '2024-02-01');" + NOTE
)
PG_DJANGO = (
    "CREATE TABLE django_migrations (id bigint PRIMARY KEY, app text, name text, applied timestamptz);"
    + PG_NOTE
)
SAME = "INSERT INTO django_migrations VALUES (7, 'shop', '0002_price', now()), (9, 'shop', '0001_initial', now());"
OLDER = "INSERT INTO django_migrations VALUES (1, 'shop', '0001_initial', now()), (2, 'stock', '0001_initial', now());"


def test_same_migrations_in_another_order_with_other_ids_and_dates_agree(
    direct: Direct, build: Build
) -> None:
    make(direct, "bk_same", PG_DJANGO + SAME)
    run = load(direct, build(DJANGO), "bk_same")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert "both sides stand at the same 2 migrations" in told(direct, run, "django_migrations")


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_other_migrations_are_refused_before_anything_is_written(
    direct: Direct, build: Build, mode: Mode
) -> None:
    schema = f"bk_older_{mode.name.lower()}"
    make(direct, schema, PG_DJANGO + OLDER)
    run = load(direct, build(DJANGO), schema, mode=mode)
    assert run.phase is Phase.FAILED
    assert run.error is not None
    assert "1 only in the source (shop 0002_price)" in run.error
    assert "1 only in the target (stock 0001_initial)" in run.error
    assert "--ignore-version" in run.error
    error = build_report(direct.ledger, run.id).error_details
    assert error is not None
    assert (error.code, error.exit_status) == ("application-versions-differ", 2)
    assert direct.query(f"SELECT count(*) FROM {schema}.note") == [(0,)]
    assert direct.query(f"SELECT 1 FROM pg_namespace WHERE nspname = '{run.staging_schema}'") == []


def test_other_migrations_pass_where_somebody_says_so(direct: Direct, build: Build) -> None:
    make(direct, "bk_ignored", PG_DJANGO + OLDER)
    run = load(direct, build(DJANGO), "bk_ignored", ignore_version=True)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert direct.query("SELECT count(*) FROM bk_ignored.note") == [(1,)]
    assert direct.query("SELECT app FROM bk_ignored.django_migrations ORDER BY id") == [("shop",), ("stock",)]
    assert "1 only in the source (shop 0002_price)" in told(direct, run, "django_migrations")


def test_long_difference_is_counted_and_named_in_full_in_the_details(direct: Direct, build: Build) -> None:
    make(direct, "bk_long", "CREATE TABLE schema_migrations (version text PRIMARY KEY);" + PG_NOTE)
    rows = ", ".join(f"('{20240100 + number}')" for number in range(40))
    source = build(
        f"CREATE TABLE schema_migrations (version TEXT PRIMARY KEY); INSERT INTO schema_migrations VALUES {rows};"
        + NOTE
    )
    run = load(direct, source, "bk_long")
    assert run.error is not None
    assert (
        "40 only in the source (20240100, 20240101, 20240102 and 37 more), none only in the target"
        in run.error
    )
    assert run.phase is Phase.FAILED


HIGHEST = (
    "CREATE TABLE schema_changes (change_id INTEGER PRIMARY KEY, schema_version INTEGER, changed DATETIME);"
    "INSERT INTO schema_changes VALUES (1, 9, NULL), (2, 10, NULL), (3, 43, NULL);" + NOTE
)


@pytest.mark.parametrize(("number", "passes"), [(43, True), (42, False)])
def test_new_database_has_only_the_last_number(
    direct: Direct, build: Build, number: int, passes: bool
) -> None:
    schema = f"bk_number_{number}"
    make(
        direct,
        schema,
        "CREATE TABLE schema_changes (change_id int, schema_version int, changed timestamptz);"
        f"INSERT INTO schema_changes VALUES (1, {number}, now());" + PG_NOTE,
    )
    run = load(direct, build(HIGHEST), schema)
    assert (run.phase is Phase.COMPLETED) == passes
    if not passes:
        assert "the source is at 43, the target is at 42" in (run.error or "")


@pytest.mark.parametrize(
    ("case", "target", "words"),
    [
        ("absent", "", "the target has no such table"),
        ("other", "CREATE TABLE django_migrations (id int, flock text);", "is another table in the target"),
    ],
)
def test_target_without_such_a_table_is_told(
    direct: Direct, build: Build, case: str, target: str, words: str
) -> None:
    make(direct, f"bk_{case}", PG_NOTE + target)
    run = load(direct, build(DJANGO), f"bk_{case}")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert words in told(direct, run, "django_migrations")


def test_bookkeeping_in_a_schema_of_the_tool_is_found(direct: Direct, build: Build) -> None:
    make(
        direct,
        "drizzle",
        "CREATE TABLE __drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);"
        "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('a', 1700000000000);",
    )
    make(direct, "bk_drizzle", PG_NOTE)
    source = build(
        "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);"
        "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('b', 1700000000000);" + NOTE
    )
    run = load(direct, source, "bk_drizzle")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert "both sides stand at 1700000000000" in told(direct, run, "__drizzle_migrations")


def test_litestreams_tables_say_nothing_and_stay_out(direct: Direct, build: Build) -> None:
    make(direct, "bk_litestream", PG_NOTE)
    source = build(
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);"
        "CREATE TABLE _litestream_lock (id INTEGER);" + NOTE
    )
    run = load(direct, source, "bk_litestream")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert told(direct, run, "_litestream_seq").endswith("it says nothing about versions")


def test_plain_migration_takes_such_tables_along(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(DJANGO), target_schema="bk_plain")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert direct.query("SELECT name FROM bk_plain.django_migrations ORDER BY id") == [
        ("0001_initial",),
        ("0002_price",),
    ]
