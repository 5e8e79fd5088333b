"""A worker that is stopped is told apart from one that is slow, and from one that waits for a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from migration.ledger.hung_workers_and_lock_waits import end_silent, read_holds, read_waits
from migration.ledger.step_claims import claim, lock_step
from migration.ledger.step_records import Step, give_back, recover_lost
from migration.model import Phase
from migration.steps.keepalive_thread import keepalive
from migration.target.target_connection import make_engine

NewRun = Callable[..., str]
StepIds = Callable[[str], list[int]]
SILENCE_SECONDS = 0.3


@pytest.fixture
def worker(target_url: str) -> Iterator[Engine]:
    engine = make_engine(target_url, "convoy w1:7")
    yield engine
    engine.dispose()


@contextmanager
def _holding(worker: Engine, step_id: int) -> Iterator[Connection]:
    """Claim a step with a lease that is over, and hold its row as a worker does."""
    with worker.connect() as connection:
        with connection.begin():
            assert claim(connection, step_id, "w1:7", -1) is not None
        transaction = connection.begin()
        assert lock_step(connection, step_id)
        yield connection
        if not connection.invalidated:
            transaction.rollback()


def _end_silent(ledger: Engine, run_id: str) -> list[int]:
    with ledger.begin() as connection:
        return [hold.step_id for hold in end_silent(connection, run_id, SILENCE_SECONDS)]


def _recover(ledger: Engine, run_id: str) -> list[int]:
    with ledger.begin() as connection:
        return recover_lost(connection, run_id)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_silent_worker_loses_its_connections_and_the_step_is_free(
    ledger: Engine, worker: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with _holding(worker, step_id) as connection:
        assert _end_silent(ledger, run_id) == []  # not for long enough
        assert _recover(ledger, run_id) == []
        time.sleep(SILENCE_SECONDS + 0.1)
        assert _end_silent(ledger, run_id) == [step_id]
        _wait_for(lambda: _recover(ledger, run_id) == [step_id])
        with pytest.raises(Exception, match="terminat"):
            connection.execute(text("SELECT 1"))


def test_sign_of_life_on_another_connection_keeps_a_slow_worker(
    ledger: Engine, worker: Engine, new_run: NewRun, step_ids: StepIds, target_url: str
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with _holding(worker, step_id), keepalive(target_url, "convoy w1:7", SILENCE_SECONDS / 6):
        for _ in range(4):
            time.sleep(SILENCE_SECONDS / 2)
            assert _end_silent(ledger, run_id) == []
        (hold,) = _holds(ledger, run_id)
        assert hold.silent_seconds < SILENCE_SECONDS


def test_worker_whose_statement_runs_on_the_server_is_not_silent(
    ledger: Engine, worker: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with _holding(worker, step_id) as connection:
        query = threading.Thread(target=connection.execute, args=(text("SELECT pg_sleep(1)"),))
        query.start()
        time.sleep(SILENCE_SECONDS * 2)
        assert _end_silent(ledger, run_id) == []
        query.join()


def _holds(ledger: Engine, run_id: str) -> list[object]:
    with ledger.connect() as connection:
        return list(read_holds(connection, run_id))


def test_who_holds_the_lock_that_a_step_waits_for_is_named(
    ledger: Engine, worker: Engine, new_run: NewRun, step_ids: StepIds, target_url: str
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with psycopg.connect(target_url, application_name="somebody's psql") as other:
        other.execute("CREATE TABLE wanted (a int)")
        other.commit()
        other.execute("LOCK TABLE wanted")
        with _holding(worker, step_id) as connection:
            query = threading.Thread(target=connection.execute, args=(text("LOCK TABLE wanted"),))
            query.start()
            _wait_for(lambda: bool(_holds(ledger, run_id)[0].blockers))  # type: ignore[attr-defined]
            with ledger.connect() as reader:
                (told,) = read_waits(reader, run_id, Phase.PROFILING)
            assert f"process {other.info.backend_pid} of PostgreSQL" in told
            assert "somebody's psql, idle in transaction" in told
            assert "w1:7" in told
            assert _end_silent(ledger, run_id) == []
            other.rollback()
            query.join()
    with ledger.connect() as reader:
        assert read_waits(reader, run_id, Phase.PROFILING) == ()


def test_reading_connection_of_a_worker_that_waits_is_seen(
    ledger: Engine, worker: Engine, new_run: NewRun, step_ids: StepIds, target_url: str
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with (
        psycopg.connect(target_url) as builder,
        psycopg.connect(target_url, application_name="convoy w1:7") as reader,
    ):
        builder.execute("CREATE TABLE read_back (a int)")
        builder.commit()
        builder.execute("LOCK TABLE read_back")
        with _holding(worker, step_id):
            query = threading.Thread(target=reader.execute, args=("TABLE read_back",))
            query.start()
            _wait_for(lambda: bool(_holds(ledger, run_id)[0].blockers))  # type: ignore[attr-defined]
            builder.rollback()
            query.join()


def test_worker_that_comes_to_itself_takes_no_step_from_another(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with ledger.begin() as connection:
        stopped = claim(connection, step_id, "w1:7", -1)
    assert isinstance(stopped, Step)
    assert _recover(ledger, run_id) == [step_id]
    with ledger.begin() as connection:
        claim(connection, step_id, "w2:8", 30)
    with ledger.begin() as connection:
        give_back(connection, stopped, "terminating connection", final=True)
        row = connection.execute(
            text("SELECT state, worker FROM convoy.steps WHERE id = :id"), {"id": step_id}
        )
        assert tuple(row.one()) == ("running", "w2:8")
