from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from migration.error_record import error_record
from migration.errors import PermanentError, RetryableError, TransitionLostError
from migration.ledger.event_log import read_events
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.run_acts import Act, Person, act_of
from migration.ledger.run_records import create_run, find_run
from migration.ledger.run_requests import fail_run, request_cancel, request_resume
from migration.ledger.run_transition import transition
from migration.model import Phase
from migration.observers.run_happenings import (
    Happening,
    ObservedStep,
    PhaseEntered,
    QuarantineRetried,
    RunActed,
    RunFailed,
    RunMoveFailed,
    RunPlanned,
    RunResumed,
    RunWaiting,
    StepAttemptFailed,
    StepClaimed,
    StepDone,
    StepGivenBack,
    StepsRecovered,
    StepsSent,
    WorkerStopped,
)
from migration.observers.run_observer import Observers
from migration.run_options import RunOptions

NewRun = Callable[..., str]


class Remembering:
    def __init__(self) -> None:
        self.seen: list[Happening] = []

    def observe(self, happening: Happening) -> None:
        self.seen.append(happening)


class Broken:
    def observe(self, happening: Happening) -> None:
        raise RuntimeError(f"cannot bear {type(happening).__name__}")


DEADLOCK = RetryableError("A deadlock")
DIFFERS = PermanentError("It differs")


def _entries(ledger: Engine, run_id: str) -> list[tuple[str, dict[str, Any]]]:
    return [(event.kind, event.data) for event in read_events(ledger, run_id)]


def _refuse(ledger: Engine, kind: str) -> None:
    """Let the log take no entry of a kind."""
    with ledger.begin() as connection:
        connection.execute(
            text(f"ALTER TABLE convoy.events ADD CONSTRAINT refused CHECK (kind <> '{kind}') NOT VALID")
        )


def test_each_happening_has_the_entry_that_readers_know(ledger: Engine, new_run: NewRun) -> None:
    run_id = new_run()
    step = ObservedStep(run_id, Phase.COPYING, 7, None, 3, 1, "worker@test")
    with ledger.begin() as connection:
        log = EventLogObserver(connection)
        for happening in (
            PhaseEntered(run_id, Phase.COPYING, Phase.PROFILING),
            RunPlanned(run_id, 2, 3),
            StepsSent(run_id, Phase.COPYING, 1, 3),
            StepClaimed(step),
            StepDone(step, 0.1, "t", 10, 0, 100),
            StepAttemptFailed(step, "A deadlock.", ValueError(), False, 0.1),
            StepGivenBack(step, DEADLOCK, False),
            StepsRecovered(run_id, Phase.COPYING, 1, 2),
            WorkerStopped(run_id, 7, "chunk 1 of table t", "worker@test", "It was silent"),
            RunMoveFailed(run_id, Phase.COPYING, "A lock.", None, False),
            RunWaiting(run_id, Phase.COPYING, "A lock."),
            RunFailed(run_id, Phase.COPYING, DIFFERS),
            RunResumed(run_id, Phase.COPYING),
            QuarantineRetried(run_id, 4, 5),
            RunActed(run_id, "purged", "jane", "desk", "1.0", {"removed": []}),
        ):
            log.observe(happening)
    assert _entries(ledger, run_id)[2:] == [
        ("phase", {"phase": "copying"}),
        ("planned", {"tables": 2, "chunks": 3}),
        ("sent", {"phase": "copying", "messages": 1, "steps": 3}),
        (
            "step_failed",
            {
                "step": 7,
                "phase": "copying",
                "error": "A deadlock.",
                "final": False,
                "error_details": error_record(DEADLOCK),
            },
        ),
        ("resend", {"phase": "copying", "lost": 1, "stalled": 2}),
        ("worker_stopped", {"step": 7, "part": "chunk 1 of table t", "worker": "worker@test"}),
        ("waiting", {"phase": "copying", "reason": "A lock."}),
        (
            "failed",
            {
                "error": "It differs.",
                "exit_status": 3,
                "phase": "copying",
                "error_details": error_record(DIFFERS),
            },
        ),
        ("resume", {}),
        ("retry", {"stored": 4, "remaining": 5}),
        (
            "act",
            {
                "act": "purged",
                "person": "jane",
                "host": "desk",
                "convoy_version": "1.0",
                "data": {"removed": []},
            },
        ),
    ]


def test_entry_goes_with_the_transaction_of_its_change(ledger: Engine, new_run: NewRun) -> None:
    run_id = new_run()
    before = _entries(ledger, run_id)
    observer = Remembering()
    with suppress(ZeroDivisionError), transition(ledger, run_id, Observers(observer)) as locked:
        locked.enter(Phase.COPYING)
        assert locked.happenings == [PhaseEntered(run_id, Phase.COPYING, Phase.PROFILING)]
        raise ZeroDivisionError
    assert (_entries(ledger, run_id), find_run(ledger, run_id).phase) == (before, Phase.PROFILING)
    assert observer.seen == []


def test_change_whose_entry_cannot_be_written_does_not_happen_and_nobody_hears_of_it(
    ledger: Engine, new_run: NewRun
) -> None:
    run_id, observer = new_run(), Remembering()
    _refuse(ledger, "failed")
    with pytest.raises(DBAPIError):
        fail_run(ledger, find_run(ledger, run_id), DIFFERS, observers=Observers(observer))
    assert find_run(ledger, run_id).phase is Phase.PROFILING
    assert [kind for kind, _ in _entries(ledger, run_id)] == ["phase", "act"]
    assert observer.seen == []


def test_observers_hear_what_commands_do_to_a_run(ledger: Engine) -> None:
    observer = Remembering()
    told = Observers(observer)
    run_id = create_run(ledger, RunOptions(), observers=told)
    fail_run(ledger, find_run(ledger, run_id), DIFFERS, observers=told)
    jane = Person("jane", "desk")
    request_resume(ledger, run_id, person=jane, observers=told)
    request_resume(ledger, run_id, person=jane, observers=told)
    request_cancel(ledger, run_id, observers=told)
    resumed = act_of(run_id, Act.RESUMED, jane)
    assert observer.seen == [
        PhaseEntered(run_id, Phase.PENDING, None),
        PhaseEntered(run_id, Phase.FAILED, Phase.PENDING),
        RunFailed(run_id, Phase.PENDING, DIFFERS),
        PhaseEntered(run_id, Phase.PENDING, Phase.FAILED),
        RunResumed(run_id, Phase.PENDING),
        resumed,
        RunResumed(run_id, Phase.PENDING),
        resumed,
        PhaseEntered(run_id, Phase.CANCELLED, Phase.PENDING),
        act_of(run_id, Act.CANCELLED),
    ]


def test_caller_that_comes_too_late_tells_nothing(ledger: Engine, new_run: NewRun) -> None:
    run_id, observer = new_run(), Remembering()
    early = find_run(ledger, run_id)
    request_cancel(ledger, run_id)
    before = _entries(ledger, run_id)
    assert not fail_run(ledger, early, DIFFERS, observers=Observers(observer))
    with pytest.raises(TransitionLostError), transition(ledger, run_id, Observers(observer)) as locked:
        locked.expect(early.phase)
    assert (_entries(ledger, run_id), observer.seen) == (before, [])


def test_broken_observer_changes_nothing_of_what_commands_do(ledger: Engine) -> None:
    broken = Observers(Broken())
    run_id = create_run(ledger, RunOptions(), observers=broken)
    fail_run(ledger, find_run(ledger, run_id), DIFFERS, observers=broken)
    request_resume(ledger, run_id, observers=broken)
    request_cancel(ledger, run_id, observers=broken)
    assert find_run(ledger, run_id).phase is Phase.CANCELLED
    assert [kind for kind, _ in _entries(ledger, run_id)] == [
        "phase",
        "act",
        "phase",
        "failed",
        "phase",
        "resume",
        "act",
        "phase",
        "act",
    ]


def test_what_a_transition_does_counts_to_the_phase_that_it_ends(ledger: Engine, new_run: NewRun) -> None:
    run_id = new_run()
    with transition(ledger, run_id, Observers()) as locked:
        worked_until = locked.connection.execute(
            text("SELECT clock_timestamp() FROM pg_sleep(0.01)")
        ).scalar_one()
        locked.enter(Phase.COPYING)
    entered = [event for event in read_events(ledger, run_id) if event.kind == "phase"][-1]
    assert entered.at >= worked_until
