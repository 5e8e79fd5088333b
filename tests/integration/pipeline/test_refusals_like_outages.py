"""A refusal that has the SQLSTATE of an outage: it is no outage, ends its run, and holds up nobody else."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from migration.ledger.run_records import find_run
from migration.ledger.run_requests import request_pause, request_resume
from migration.ledger.step_records import recover_stalled
from migration.model import Phase
from migration.queue import broker_client, make_app, read_waiting_calls
from migration.steps import step_execution
from producer.run_state_machine import Runner
from tests.support.direct import Direct, quiet_steps
from tests.support.pipeline import PATIENCE_SECONDS, Pipeline

Build = Callable[[str], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Build a SQLite database from a script, as often as asked."""

    def create(script: str) -> Path:
        path = tmp_path / f"source_{len(list(tmp_path.glob('source_*')))}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
            connection.commit()
        return path

    return create


INDEXED = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t (v) VALUES ('a'), ('b');"
    "CREATE INDEX t_v ON t (v);"
)


def guard(mark: str, state: str, words: str = "stop it") -> str:
    """Return an event trigger that raises at each CREATE INDEX whose statement has this mark."""
    return (
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF current_query() LIKE '%{mark}%' THEN RAISE EXCEPTION '{words}' USING ERRCODE = '{state}'; END IF;"
        " END $$; CREATE EVENT TRIGGER refusing ON ddl_command_start WHEN TAG IN ('CREATE INDEX')"
        " EXECUTE FUNCTION public.refuse()"
    )


MARKED = INDEXED.replace("t_v", "marked_v")
UNGUARD = "DROP EVENT TRIGGER IF EXISTS refusing; DROP FUNCTION IF EXISTS public.refuse()"


@pytest.fixture
def unguarded(target_url: str) -> Iterator[None]:
    yield
    with psycopg.connect(target_url, autocommit=True) as connection:
        connection.execute(UNGUARD)


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(
    "state", ["57P01", "57P02", "57P03", "57P05", "25P03", "08006", "08P01", "28000", "28P01", "3D000"]
)
def test_refusal_with_the_code_of_an_outage_ends_the_run_and_names_statement_and_table(
    direct: Direct, build: Build, state: str
) -> None:
    path = build(INDEXED)
    direct.query(guard("t_v", state, "no indexes before Monday: password authentication failed"))
    with quiet_steps():
        run = direct.migrate(path)
    assert run.phase is Phase.FAILED
    told = str(run.error)
    assert "no indexes before Monday" in told
    assert "CREATE INDEX" in told
    assert "index t_v of table t" in told
    assert state in told
    assert not [word for word in ("shut down", "lost", "the login") if word in told]


def test_session_that_is_ended_again_and_again_by_a_server_that_stays_up_counts(
    direct: Direct, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build(INDEXED)
    run = direct.start(path, until=Phase.INDEXING)
    real = step_execution._WORK[Phase.INDEXING]

    def ended(context: object, connection: object, step: object) -> object:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()  # type: ignore[attr-defined]
        direct.query(f"SELECT pg_terminate_backend({pid})")
        return real(context, connection, step)  # type: ignore[arg-type]

    monkeypatch.setitem(step_execution._WORK, Phase.INDEXING, ended)
    with quiet_steps():
        run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert f"It was the last of {direct.context.settings.max_attempts} attempts" in str(run.error)


def await_refusals(pipeline: Pipeline, runs: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for run in runs:
        while not pipeline.query(
            f"SELECT 1 FROM convoy.events WHERE kind = 'step_failed' AND run_id = '{run}'"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def guarded(pipeline: Pipeline, statement: str) -> Iterator[None]:
    with psycopg.connect(pipeline.url, autocommit=True) as connection:
        connection.execute(statement)
        try:
            yield
        finally:
            connection.execute(UNGUARD)


def test_runs_that_are_refused_end_and_leave_no_messages_behind(pipeline: Pipeline, build: Build) -> None:
    path, marked = build(INDEXED), build(MARKED)
    with guarded(pipeline, guard("marked_v", "57P01")):
        refused = [pipeline.start(marked, target_schema=schema) for schema in ("refused_a", "refused_b")]
        await_refusals(pipeline, refused)
        healthy = pipeline.start(path, target_schema="healthy")
        assert pipeline.wait(healthy).phase is Phase.COMPLETED
        ends = [pipeline.wait(run) for run in refused]
    assert {run.phase for run in ends} == {Phase.FAILED}
    assert all("It was the last of 5 attempts" in str(run.error) for run in ends)
    assert [read_waiting_calls(str(pipeline.queue.conf.broker_url), run) for run in (*refused, healthy)] == [
        0,
        0,
        0,
    ]


def test_runs_that_wait_without_end_hold_up_no_other_and_go_on_by_themselves(
    pipeline: Pipeline, build: Build
) -> None:
    """More of them than there are workers; all others go through while none of these moves."""
    path, marked = build(INDEXED), build(MARKED)
    schemas = ("roomless_a", "roomless_b", "roomless_c")
    with guarded(pipeline, guard("marked_v", "53100")):
        waiting = [pipeline.start(marked, target_schema=schema) for schema in schemas]
        await_refusals(pipeline, waiting)
        for number in range(3):
            assert pipeline.migrate(path, target_schema=f"roomy_{number}").phase is Phase.COMPLETED
        assert all(find_run(pipeline.ledger, run).phase is Phase.INDEXING for run in waiting)
    assert {pipeline.wait(run).phase for run in waiting} == {Phase.COMPLETED}


def test_steps_that_nobody_takes_get_one_message_each_however_often_they_are_sent_again(
    direct: Direct, build: Build, valkey_url: str
) -> None:
    """No worker reads the queue, the watchdog comes by again and again, and somebody pauses and resumes the run."""
    run = direct.start(build(INDEXED), until=Phase.COPYING)
    settings = direct.context.settings.model_copy(update={"broker_url": valkey_url})
    runner = Runner(make_app(settings), settings)
    try:
        for _ in range(3):
            runner.advance(run.id, wait=True)
            assert read_waiting_calls(valkey_url, run.id) == 1
            with direct.ledger.begin() as connection:
                assert len(recover_stalled(connection, run.id, Phase.COPYING, 0.0)) == 1
        runner.advance(run.id, wait=True)
        for _ in range(3):
            request_pause(direct.ledger, run.id)
            request_resume(direct.ledger, run.id)
            runner.advance(run.id, wait=True)
            assert read_waiting_calls(valkey_url, run.id) == 1
        with broker_client(valkey_url) as client:
            client.flushall()
        assert read_waiting_calls(valkey_url, run.id) == 0
        with direct.ledger.begin() as connection:
            assert len(recover_stalled(connection, run.id, Phase.COPYING, 0.0)) == 1
        runner.advance(run.id, wait=True)
        assert read_waiting_calls(valkey_url, run.id) == 1
    finally:
        runner.close()
        runner.app.close()
        with broker_client(valkey_url) as client:
            client.flushall()
