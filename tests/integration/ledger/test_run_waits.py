"""What is said of a run that waits for somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text

from migration.errors import StageUnreachableError
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import read_run
from migration.ledger.run_requests import request_pause
from migration.ledger.step_claims import claim, lock_step
from migration.ledger.step_records import finish_step, give_back, take_unsent
from migration.model import Phase
from migration.observers.run_happenings import (
    Happening,
    ObservedStep,
    PhaseEntered,
    RunPlanned,
    RunWaiting,
    StepGivenBack,
    StepsSent,
)

NewRun = Callable[..., str]
StepIds = Callable[[str], list[int]]
PRODUCER, WORKER, FAILURE = "No producer", "No worker", "The last attempt at a step failed"
BEHIND = "1 step waits for workers, which are at run"


@pytest.fixture
def producer(target_url: str) -> Iterator[None]:
    """A connection of a producer."""
    with psycopg.connect(target_url, application_name="convoy producer host:1"):
        yield


def beginnings(ledger: Engine, run_id: str) -> list[str]:
    known = (PRODUCER, WORKER, FAILURE, BEHIND, "It was paused")
    waits = read_progress(ledger, run_id).waits
    return [next(start for start in known if wait.startswith(start)) for wait in waits]


def let_a_minute_pass(ledger: Engine) -> None:
    with ledger.begin() as connection:
        for table, times in (
            ("runs", ("created_at",)),
            ("events", ("at",)),
            ("steps", ("claimed_at", "finished_at")),
        ):
            values = ", ".join(f"{time} = {time} - interval '1 min'" for time in times)
            connection.execute(text(f"UPDATE convoy.{table} SET {values}"))


def send(ledger: Engine, run_id: str) -> None:
    with ledger.begin() as connection:
        take_unsent(connection, run_id, Phase.PROFILING, 10)


def test_absence_of_a_producer_is_told_once_it_lasts(ledger: Engine, new_run: NewRun) -> None:
    run_id = new_run(steps=1)
    assert beginnings(ledger, run_id) == []
    let_a_minute_pass(ledger)
    assert beginnings(ledger, run_id) == [PRODUCER]
    assert read_progress(ledger, run_id).is_abandoned
    request_pause(ledger, run_id)
    assert beginnings(ledger, run_id) == ["It was paused"]


@pytest.mark.usefixtures("producer")
def test_absence_of_workers_is_told_once_it_lasts(ledger: Engine, new_run: NewRun, step_ids: StepIds) -> None:
    run_id, other = new_run(steps=1), new_run(steps=1)
    let_a_minute_pass(ledger)
    assert beginnings(ledger, run_id) == []  # nothing was sent
    send(ledger, run_id)
    assert beginnings(ledger, run_id) == [WORKER]
    (busy,) = step_ids(other)
    with ledger.begin() as connection:
        assert claim(connection, busy, "w", 30) is not None
    assert beginnings(ledger, run_id) == [BEHIND]  # a worker is at another run


@pytest.mark.usefixtures("producer")
def test_failed_attempt_is_told_until_a_step_is_done(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=2)
    first, second = step_ids(run_id)
    with ledger.begin() as connection:
        step = claim(connection, first, "w", 30)
        assert step is not None
        error = StageUnreachableError("The stage does not answer")
        give_back(connection, step, str(error), final=False)
        observed = ObservedStep(run_id, step.phase, step.id, None, None, 1, "w")
        EventLogObserver(connection).observe(StepGivenBack(observed, error, False))
    assert beginnings(ledger, run_id) == [FAILURE]
    assert "The stage does not answer" in read_progress(ledger, run_id).waits[0]
    with ledger.begin() as connection:
        assert claim(connection, second, "w", 30) is not None
        assert lock_step(connection, second)
        finish_step(connection, second, {})
    assert beginnings(ledger, run_id) == []


@pytest.mark.usefixtures("producer")
@pytest.mark.parametrize(
    "moved",
    [
        lambda run_id: StepsSent(run_id, Phase.PROFILING, 1, 1),
        lambda run_id: PhaseEntered(run_id, Phase.PROFILING, Phase.SNAPSHOTTING),
        lambda run_id: RunPlanned(run_id, 1, 1),
    ],
    ids=["steps were sent", "a phase began", "it was planned"],
)
def test_what_a_run_has_waited_for_is_told_until_it_moves(
    ledger: Engine, new_run: NewRun, moved: Callable[[str], Happening]
) -> None:
    run_id = new_run(steps=1)
    with ledger.begin() as connection:
        phase = read_run(connection, run_id).phase
        EventLogObserver(connection).observe(RunWaiting(run_id, phase, "The message broker does not answer."))
    assert read_progress(ledger, run_id).waits == ("The message broker does not answer.",)
    with ledger.begin() as connection:
        EventLogObserver(connection).observe(moved(run_id))
    assert read_progress(ledger, run_id).waits == ()
