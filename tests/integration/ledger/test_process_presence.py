"""Who is there to work is known from the ledger alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from threading import Event, Semaphore

import psycopg
import pytest
from sqlalchemy import Engine, text

from migration.ledger.process_presence import (
    GOODBYE_SQL,
    SIGN_SQL,
    ProcessIdentity,
    ProcessKind,
    count_alive,
    forget_processes,
    read_processes,
    workers_at,
)
from migration.ledger.run_progress import read_progress
from migration.ledger.step_claims import claim
from migration.ledger.step_records import take_unsent
from migration.model import Phase
from migration.settings import Settings
from migration.steps import signs_of_presence
from migration.steps.signs_of_presence import SignsOfPresence

NewRun = Callable[..., str]
StepIds = Callable[[str], list[int]]
WORKER = ProcessIdentity(ProcessKind.WORKER, "worker@far", 2, host="far", pid=7, version="1")
PRODUCER = ProcessIdentity(ProcessKind.PRODUCER, "producer@far", 4, host="far", pid=8, version="1")
ENDS = [phase.value for phase in Phase if phase.is_end]


@pytest.fixture
def say(target_url: str) -> Callable[..., None]:
    """Let a process say a word in the ledger."""

    def speak(identity: ProcessIdentity, statement: str = SIGN_SQL) -> None:
        with psycopg.connect(target_url) as connection:
            connection.execute(statement, {**asdict(identity), "is_first": True})

    return speak


def fall_silent(ledger: Engine, seconds: int = 40) -> None:
    with ledger.begin() as connection:
        connection.execute(text(f"UPDATE convoy.processes SET seen_at = seen_at - interval '{seconds} s'"))


def counts(ledger: Engine) -> tuple[int, int]:
    with ledger.connect() as connection:
        alive = count_alive(connection)
    return alive.producers, alive.workers


def test_a_process_is_alive_from_its_first_word_to_its_goodbye(
    ledger: Engine, say: Callable[..., None]
) -> None:
    assert counts(ledger) == (0, 0)
    say(WORKER)
    say(PRODUCER)
    assert counts(ledger) == (1, 1)
    say(WORKER, GOODBYE_SQL)
    assert counts(ledger) == (1, 0)
    with ledger.connect() as connection:
        assert [found.name for found in read_processes(connection, ENDS)] == ["producer@far"]


def test_a_silent_process_is_shown_as_dead_and_its_successor_as_alive(
    ledger: Engine, say: Callable[..., None]
) -> None:
    say(WORKER)
    fall_silent(ledger)
    with ledger.connect() as connection:
        (found,) = read_processes(connection, ENDS)
    assert (found.name, found.alive, counts(ledger)) == ("worker@far", False, (0, 0))
    say(replace(WORKER, pid=9))
    with ledger.connect() as connection:
        (found,) = read_processes(connection, ENDS)
    assert (found.alive, counts(ledger)) == (True, (0, 1))


def test_only_living_workers_are_named_with_what_they_do(
    ledger: Engine, new_run: NewRun, step_ids: StepIds, say: Callable[..., None]
) -> None:
    run_id = new_run(steps=1)
    say(WORKER)
    with ledger.begin() as connection:
        assert claim(connection, step_ids(run_id)[0], "worker@far:71", 30) is not None
        assert workers_at(connection, run_id) == ("worker@far:71",)
        (found,) = read_processes(connection, ENDS)
    assert [(work.run_id, work.phase) for work in found.doing] == [(run_id, "profiling")]
    fall_silent(ledger)
    progress = read_progress(ledger, run_id)
    assert (progress.workers, progress.workers_alive) == ((), 0)


def test_a_worker_without_signs_of_life_counts_as_long_as_its_lease(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    with ledger.begin() as connection:
        assert claim(connection, step_ids(run_id)[0], "old:1", 30) is not None
        assert workers_at(connection, run_id) == ("old:1",)
        connection.execute(
            text("UPDATE convoy.steps SET lease_expires_at = clock_timestamp() - interval '1 s'")
        )
        assert workers_at(connection, run_id) == ()


def test_no_time_is_left_where_all_workers_are_dead(
    ledger: Engine, new_run: NewRun, say: Callable[..., None]
) -> None:
    run_id = new_run(phase=Phase.VALIDATING, steps=10)
    done = "state = 'done', claimed_at = clock_timestamp() - interval '1 h', finished_at = clock_timestamp()"
    with ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.events SET at = clock_timestamp() - interval '10 seconds'"))
        connection.execute(
            text(f"UPDATE convoy.steps SET {done} WHERE id IN (SELECT max(id) FROM convoy.steps)")
        )
    say(WORKER)
    assert read_progress(ledger, run_id).eta_seconds is not None
    fall_silent(ledger)
    assert read_progress(ledger, run_id).eta_seconds is None


def test_a_run_says_at_once_that_nobody_is_there(
    ledger: Engine, new_run: NewRun, say: Callable[..., None]
) -> None:
    run_id = new_run(steps=1)
    with ledger.begin() as connection:
        take_unsent(connection, run_id, Phase.PROFILING, 10)
        for table, time in (("runs", "created_at"), ("events", "at")):
            connection.execute(text(f"UPDATE convoy.{table} SET {time} = {time} - interval '15 s'"))
    no_producer, no_worker = read_progress(ledger, run_id).waits
    assert no_producer.startswith("No producer")
    assert "celery -A producer.app worker" in no_producer
    assert no_worker.startswith("No worker")
    assert "celery -A worker.app worker -Q copy" in no_worker
    say(WORKER)
    say(PRODUCER)
    assert read_progress(ledger, run_id).waits == ()


def test_processes_that_were_ended_on_purpose_are_forgotten(ledger: Engine, say: Callable[..., None]) -> None:
    here = ProcessIdentity(ProcessKind.WORKER, "worker@here", 1)
    say(here)
    say(WORKER)
    with ledger.begin() as connection:
        forget_processes(connection, [here.pid])
        assert [found.name for found in read_processes(connection, ENDS)] == ["worker@far"]


def test_process_that_hangs_gives_no_sign_until_it_takes_messages_again(
    ledger: Engine, target_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(signs_of_presence, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(signs_of_presence, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(signs_of_presence, "BEAT_SECONDS", 0.01)
    looks, hangs = Semaphore(0), Event()
    hangs.set()

    def takes_messages() -> bool:
        looks.release()
        return not hangs.is_set()

    signs = SignsOfPresence(Settings(target_url=target_url, _env_file=None), WORKER, takes_messages)  # type: ignore[call-arg]
    signs.start()
    try:
        for _ in range(3):
            assert looks.acquire(timeout=30)
        assert counts(ledger) == (0, 0)
        assert [record.getMessage() for record in caplog.records].count(
            "This process hangs: it takes no message, and gives no sign of life until it does"
        ) == 1
        hangs.clear()
        for _ in range(200):
            if counts(ledger) == (0, 1):
                break
            time.sleep(0.05)
        assert counts(ledger) == (0, 1)
        hangs.set()
        while looks.acquire(blocking=False):
            pass
        for _ in range(3):  # a word that was under way is said by then
            assert looks.acquire(timeout=30)
        fall_silent(ledger)
        for _ in range(3):
            assert looks.acquire(timeout=30)
        assert counts(ledger) == (0, 0)
    finally:
        signs.stop()
