"""Reported cases 13 to 17: memory, lost rows, hangs, interruptions and the time to go (see test_field.py)."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import RunRecord
from migration.ledger.run_requests import request_resume
from migration.ledger.step_claims import claim
from migration.ledger.step_records import recover_lost, take_unsent
from migration.ledger.table_records import read_tables
from migration.model import IfExists, Phase
from migration.queue import make_app
from migration.report.report_builder import build_report
from migration.steps.step_execution import run_step
from migration.value_conversion.batch_size import BATCH_BYTES, batch_rows
from producer.run_state_machine import Runner
from tests.support.direct import Direct, quiet_steps
from tests.support.field import Build


def test_13_bytes_in_flight_are_bounded_however_long_the_values_are(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
        " INSERT INTO t SELECT i, zeroblob(2000000 + i) FROM n;"
    )
    run = direct.migrate(path, target_schema="f13", batch_rows=1_000_000)
    assert run.phase is Phase.COMPLETED, run.error
    assert direct.query("SELECT count(*), sum(length(body)) FROM f13.t") == [(40, 80_000_820)]
    profile = build_profile(direct, run)
    assert batch_rows(1_000_000, profile.values()) * 2_000_040 <= BATCH_BYTES


def build_profile(direct: Direct, run: RunRecord) -> dict[str, Any]:
    from migration.ledger.table_records import read_profile

    with direct.ledger.connect() as connection:
        (table,) = read_tables(connection, run.id)
        return read_profile(connection, table.id)


def test_14_a_row_that_is_lost_on_the_way_fails_the_run(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)")
    run = direct.start(path, until=Phase.INDEXING, target_schema="f14")
    direct.forge(run, "t", "DELETE FROM {t} WHERE id = 2")
    run = direct.finish(run.id)
    report = build_report(direct.ledger, run.id)
    assert (run.phase, report.exit_status) == (Phase.FAILED, 3)
    assert "missing_row" in {finding.kind for finding in report.findings}
    assert direct.query("SELECT to_regclass('f14.t')") == [(None,)]


def test_15_a_chunk_whose_worker_died_is_done_again(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE stuck (id INTEGER PRIMARY KEY); INSERT INTO stuck VALUES (1)")
    run = direct.start(path, until=Phase.COPYING, target_schema="f15")
    with direct.ledger.begin() as connection:
        (waiting,) = take_unsent(connection, run.id, Phase.COPYING, 10)
        claim(connection, waiting.id, "a worker that dies", -1)
    progress = read_progress(direct.ledger, run.id)
    # Who is dead works on nothing, whatever its steps say.
    assert (progress.workers, [table.name for table in progress.tables]) == ((), ["stuck"])
    with direct.ledger.begin() as connection:
        assert recover_lost(connection, run.id) == [waiting.id]
    assert direct.finish(run.id).phase is Phase.COMPLETED


def test_15_who_holds_a_lock_that_the_cutover_needs_is_named_and_the_run_goes_on_after_it(
    direct: Direct, build: Build
) -> None:
    direct.query("CREATE SCHEMA f15_locked")
    direct.query("CREATE TABLE f15_locked.t AS SELECT 0 AS id")
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    run = direct.start(
        path,
        until=Phase.CUTTING_OVER,
        target_schema="f15_locked",
        if_exists=IfExists.REPLACE,
        cutover_lock_timeout_seconds=0.1,
    )
    settings = direct.workspace.settings.model_copy(update={"broker_url": "redis://localhost:1/0"})
    runner = Runner(make_app(settings), settings)
    try:
        with psycopg.connect(direct.url, application_name="a report") as reader:
            reader.execute("SELECT * FROM f15_locked.t")
            runner.advance(run.id, wait=False)
            waiting = read_progress(direct.ledger, run.id)
            assert (waiting.phase, waiting.error) == (Phase.CUTTING_OVER, None)
            (told,) = waiting.waits
            assert "Another session holds a lock that is needed" in told
            assert f"process {reader.info.backend_pid} of PostgreSQL (role postgres, a report, " in told
        for timer in list(runner._timers.values()):
            timer.join(60)
    finally:
        runner.engine.dispose()
    done = read_progress(direct.ledger, run.id)
    assert (done.phase, done.waits) == (Phase.COMPLETED, ())
    assert direct.query("SELECT id FROM f15_locked.t") == [(1,)]


def test_16_an_interrupted_run_goes_on_without_copying_again_what_is_done(
    direct: Direct, build: Build
) -> None:
    path = build(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY);"
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (2);"
    )
    run = direct.start(path, until=Phase.COPYING, target_schema="f16")
    with direct.ledger.begin() as connection:
        first, second = take_unsent(connection, run.id, Phase.COPYING, 10)
    assert run_step(direct.context, first.id)
    direct.query(f'ALTER TABLE "{run.staging_schema}".b RENAME TO elsewhere')
    direct.query(f'ALTER TABLE "{run.staging_schema}".a RENAME COLUMN id TO other')
    with quiet_steps():
        assert not run_step(direct.context, second.id)
    assert direct.finish(run.id).phase is Phase.FAILED
    direct.query(f'ALTER TABLE "{run.staging_schema}".elsewhere RENAME TO b')
    direct.query(f'ALTER TABLE "{run.staging_schema}".a RENAME COLUMN other TO id')
    request_resume(direct.ledger, run.id)
    run = direct.finish(run.id)
    assert run.phase is Phase.COMPLETED, run.error
    with direct.ledger.connect() as connection:
        done = connection.execute(text("SELECT attempts FROM convoy.steps WHERE id = :id"), {"id": first.id})
        assert done.scalar_one() == 1
    assert direct.query("SELECT (SELECT count(*) FROM f16.a), (SELECT count(*) FROM f16.b)") == [(1, 1)]


def test_17_the_time_to_go_is_told_by_bytes_and_the_report_has_the_clocks(
    direct: Direct, build: Build
) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
        " INSERT INTO t SELECT i, hex(randomblob(1000)) FROM n;"
    )
    run = direct.start(path, until=Phase.COPYING, target_schema="f17", chunk_rows=25)
    with direct.ledger.begin() as connection:
        waiting = take_unsent(connection, run.id, Phase.COPYING, 1)
    run_step(direct.context, waiting[0].id)
    progress = read_progress(direct.ledger, run.id)
    assert (progress.rows_done, progress.rows_total) == (25, 100)
    assert progress.bytes_done == pytest.approx(progress.bytes_total / 4)
    assert progress.eta_seconds is not None
    assert math.isfinite(progress.eta_seconds)
    run = direct.finish(run.id)
    report = build_report(direct.ledger, run.id)
    assert run.started_at is not None
    assert run.finished_at is not None
    wall_clock = (run.finished_at - run.started_at).total_seconds()
    assert sum(phase.seconds for phase in report.phases) == pytest.approx(wall_clock, abs=0.5)
