"""Runs that end at the same moment and make the same schema, or come beside each other in it: all of them get there."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from migration.cutover_errors import CutoverBlockedError
from migration.errors import TargetBusyError
from migration.ledger.run_records import RunRecord
from migration.model import Phase
from migration.steps.run_rollback import roll_back_run
from migration.target.cutover.schema_turns import take_schema_turns
from migration.target.postgres_errors import translate
from migration.target.sql_statements import run_sql
from tests.support.direct import Direct
from tests.support.shell import wait_until

RUNS = 4
SCRIPT = (
    "CREATE TABLE {0} (id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE INDEX by_name_{0} ON {0} (name); INSERT INTO {0} VALUES (1, 'a'), (2, 'b');"
)
WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def at_cutover(direct: Direct, folder: Path, table: str, script: str = SCRIPT) -> RunRecord:
    path = folder / f"{table}.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script.format(table))
    return direct.start(path, until=Phase.CUTTING_OVER, target_schema="new")


def test_runs_make_one_schema_at_the_same_moment(direct: Direct, tmp_path: Path) -> None:
    # Sources of one application: their indexes have the same names, of which each run finds a free one.
    script = SCRIPT.replace("by_name_{0}", "by_name")
    runs = [at_cutover(direct, tmp_path, f"t{number}", script) for number in range(RUNS)]
    together = threading.Barrier(RUNS)

    def finish(run: RunRecord) -> RunRecord:
        together.wait()
        return direct.finish(run.id)

    with ThreadPoolExecutor(RUNS) as threads:
        ended = list(threads.map(finish, runs))

    assert [(run.phase, run.error) for run in ended] == [(Phase.COMPLETED, None)] * RUNS
    assert direct.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'new'") == [(RUNS,)]
    assert direct.query("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'by\\_name%'") == [(RUNS,)]
    for run in ended:
        roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings)
    assert direct.query("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('new')") == [(0,)]


def test_a_stranger_makes_the_schema_meanwhile(direct: Direct, tmp_path: Path) -> None:
    run = at_cutover(direct, tmp_path, "t")
    with ThreadPoolExecutor(1) as threads, psycopg.connect(direct.url) as stranger:
        stranger.execute("CREATE SCHEMA new")
        ending = threads.submit(direct.finish, run.id)
        assert wait_until(lambda: direct.query(WAITS) != [(0,)] or ending.done())
        stranger.commit()
        ended = ending.result()
    assert (ended.phase, ended.error) == (Phase.COMPLETED, None)
    roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings)
    assert direct.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'new'") == [(1,)], "it is theirs"


def test_who_waits_for_another_run_is_told_and_tries_again(direct: Direct, tmp_path: Path) -> None:
    run = at_cutover(direct, tmp_path, "t")
    done = direct.finish(run.id)
    assert done.phase is Phase.COMPLETED, done.error
    with direct.ledger.connect() as other, other.begin():
        take_schema_turns(other, ["new"], 1)
        with pytest.raises(CutoverBlockedError, match="Another run puts its tables into the schema new"):
            roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings, lock_timeout_seconds=0.1)
    roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CREATE SCHEMA IF NOT EXISTS raced", "CREATE SCHEMA IF NOT EXISTS raced"),
        ("CREATE SEQUENCE raced", "CREATE SEQUENCE IF NOT EXISTS raced"),
        ("CREATE TYPE raced AS ENUM ('a')", "CREATE TYPE raced AS ENUM ('b')"),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
        ),
        ("ALTER SCHEMA public OWNER TO CURRENT_USER", "GRANT USAGE ON SCHEMA public TO PUBLIC"),
    ],
)
def test_two_who_make_one_object_are_a_fault_that_passes(direct: Direct, first: str, second: str) -> None:
    if "FUNCTION" in first:
        direct.query(first)

    def make() -> None:
        with direct.ledger.begin() as connection:
            run_sql(connection, second)

    with ThreadPoolExecutor(1) as threads, psycopg.connect(direct.url) as stranger:
        stranger.execute(first.encode())
        making = threads.submit(make)
        assert wait_until(lambda: direct.query(WAITS) != [(0,)] or making.done())
        stranger.commit()
        error = making.exception()
    assert isinstance(error, DBAPIError)
    assert type(translate(error)) is TargetBusyError


def test_a_row_that_stands_already_is_no_fault_that_passes(direct: Direct) -> None:
    direct.query("CREATE TABLE pg_catalog_like (id int PRIMARY KEY); INSERT INTO pg_catalog_like VALUES (1)")
    with direct.ledger.connect() as connection, pytest.raises(DBAPIError) as caught:
        run_sql(connection, "INSERT INTO pg_catalog_like VALUES (1)")
    assert not isinstance(translate(caught.value), TargetBusyError)
