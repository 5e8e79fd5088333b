from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, insert, text

from migration.errors import TransitionLostError
from migration.ledger.event_names import EventName
from migration.ledger.ledger_tables import events
from migration.ledger.run_records import find_run
from migration.ledger.run_transition import transition
from migration.ledger.step_claims import claim, lock_step
from migration.ledger.step_records import (
    WORKED_AHEAD,
    Failure,
    count_states,
    finish_step,
    first_failure,
    give_back,
    recover_lost,
    recover_stalled,
    take_unsent,
)
from migration.model import Phase, StepState
from migration.observers.run_observer import Observers

NewRun = Callable[..., str]
StepIds = Callable[[str], list[int]]


def _claim(ledger: Engine, step_id: int, lease_seconds: float = 30.0) -> object:
    with ledger.begin() as connection:
        return claim(connection, step_id, "worker@test", lease_seconds)


def _finish(ledger: Engine, step_id: int) -> None:
    with ledger.begin() as connection:
        assert lock_step(connection, step_id)
        finish_step(connection, step_id, {})


def _age(ledger: Engine, run_id: str, seconds: float) -> None:
    """Let everything that was noted of the run have happened so much earlier."""
    with ledger.begin() as connection:
        connection.execute(
            text(
                "UPDATE convoy.steps SET sent_at = sent_at - make_interval(secs => :s),"
                " claimed_at = claimed_at - make_interval(secs => :s),"
                " finished_at = finished_at - make_interval(secs => :s),"
                " lease_expires_at = lease_expires_at - make_interval(secs => :s) WHERE run_id = :run"
            ),
            {"s": seconds, "run": run_id},
        )


def _log_failure(connection: Connection, run_id: str, **data: object) -> None:
    connection.execute(insert(events).values(run_id=run_id, kind=EventName.STEP_FAILED.value, data=data))


def test_finished_step_is_never_claimed_again(ledger: Engine, new_run: NewRun, step_ids: StepIds) -> None:
    (step_id,) = step_ids(new_run(steps=1))
    assert _claim(ledger, step_id) is not None
    _finish(ledger, step_id)
    assert _claim(ledger, step_id) is None


def test_step_in_the_hands_of_a_live_worker_is_not_claimed(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    (step_id,) = step_ids(new_run(steps=1))
    _claim(ledger, step_id)
    with ledger.begin() as living_worker:
        assert lock_step(living_worker, step_id)
        assert _claim(ledger, step_id) is None


def test_each_claim_counts_an_attempt(ledger: Engine, new_run: NewRun, step_ids: StepIds) -> None:
    (step_id,) = step_ids(new_run(steps=1))
    attempts = []
    for _ in range(3):
        with ledger.begin() as connection:
            step = claim(connection, step_id, "worker@test", 30.0)
        assert step is not None
        attempts.append(step.attempts)
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize("of_step", [Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING])
def test_step_is_claimed_in_its_phase_or_ahead_of_it_and_in_no_other(
    ledger: Engine, new_run: NewRun, step_ids: StepIds, of_step: Phase
) -> None:
    claimed = set()
    for phase in Phase:
        run_id = new_run(phase=of_step, steps=1)
        with ledger.begin() as connection:
            connection.execute(
                text("UPDATE convoy.runs SET phase = :phase WHERE id = :run"), {"phase": phase, "run": run_id}
            )
        if _claim(ledger, step_ids(run_id)[0]) is not None:
            claimed.add(phase)
    assert claimed == {of_step, *(phase for phase, ahead in WORKED_AHEAD.items() if ahead is of_step)}
    assert WORKED_AHEAD == {Phase.INDEXING: Phase.VALIDATING}


def test_step_whose_worker_died_is_recovered_and_one_whose_worker_lives_is_not(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=2)
    dead, alive = step_ids(run_id)
    for step_id in (dead, alive):
        _claim(ledger, step_id)
    _age(ledger, run_id, 60)
    with ledger.begin() as living_worker:
        assert lock_step(living_worker, alive)
        with ledger.begin() as connection:
            assert recover_lost(connection, run_id) == [dead]


def test_running_step_keeps_its_lease_until_it_expires(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    _claim(ledger, step_ids(run_id)[0])
    with ledger.begin() as connection:
        assert recover_lost(connection, run_id) == []


def test_lost_messages_are_sent_again_only_when_nothing_moves(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=3)
    with ledger.begin() as connection:
        assert len(take_unsent(connection, run_id, Phase.PROFILING, 100)) == 3
        assert recover_stalled(connection, run_id, Phase.PROFILING, 30) == []
    _age(ledger, run_id, 60)
    first, *others = step_ids(run_id)
    _claim(ledger, first)
    with ledger.begin() as connection:
        assert recover_stalled(connection, run_id, Phase.PROFILING, 30) == []
    _finish(ledger, first)
    with ledger.begin() as connection:
        assert recover_stalled(connection, run_id, Phase.PROFILING, 30) == []
    _age(ledger, run_id, 60)
    with ledger.begin() as connection:
        assert sorted(recover_stalled(connection, run_id, Phase.PROFILING, 30)) == others


def test_steps_are_taken_once_and_stage_by_stage(ledger: Engine, new_run: NewRun, step_ids: StepIds) -> None:
    run_id = new_run(steps=2)
    first, second = step_ids(run_id)
    with ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.steps SET stage = 2 WHERE id = :id"), {"id": second})
        assert [step.id for step in take_unsent(connection, run_id, Phase.PROFILING, 100)] == [first]
        assert take_unsent(connection, run_id, Phase.PROFILING, 100) == []
    _claim(ledger, first)
    _finish(ledger, first)
    with ledger.begin() as connection:
        assert [step.id for step in take_unsent(connection, run_id, Phase.PROFILING, 100)] == [second]


def test_step_given_back_waits_or_fails(ledger: Engine, new_run: NewRun, step_ids: StepIds) -> None:
    run_id = new_run(steps=2)
    for step_id, final in zip(step_ids(run_id), (False, True), strict=True):
        with ledger.begin() as connection:
            step = claim(connection, step_id, "worker@test", 30.0)
            assert step is not None
            give_back(connection, step, "deadlock", final=final)
    with ledger.connect() as connection:
        states = count_states(connection, run_id, Phase.PROFILING)
    assert states == {StepState.PENDING: 1, StepState.FAILED: 1}


def test_run_moves_once_and_only_when_its_steps_are_done(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    with (
        pytest.raises(TransitionLostError, match="not done"),
        transition(ledger, run_id, Observers()) as locked,
    ):
        locked.enter(Phase.COPYING)
    assert find_run(ledger, run_id).phase is Phase.PROFILING
    _claim(ledger, step_ids(run_id)[0])
    _finish(ledger, step_ids(run_id)[0])
    with transition(ledger, run_id, Observers()) as locked:
        locked.expect(Phase.PROFILING)
        locked.enter(Phase.COPYING)
    with (
        pytest.raises(TransitionLostError, match="is copying by now"),
        transition(ledger, run_id, Observers()) as locked,
    ):
        locked.expect(Phase.PROFILING)


def test_failure_of_a_step_is_the_last_that_was_told_of_it(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=2)
    first, second = step_ids(run_id)
    with ledger.begin() as connection:
        assert first_failure(connection, run_id, Phase.PROFILING) is None
    _claim(ledger, first)
    with ledger.begin() as connection:
        step = claim(connection, second, "worker@test", 30.0)
        assert step is not None
        for code in ("connection-lost", "disk-full"):
            details = {"code": code}
            _log_failure(connection, run_id, step=second, error=code, error_details=details)
        _log_failure(connection, run_id, step=first, error="x", error_details={"code": "x"})
        give_back(connection, step, "disk-full", final=True)
    with ledger.begin() as connection:
        found = first_failure(connection, run_id, Phase.PROFILING)
    assert found == Failure("disk-full", {"code": "disk-full"})


def test_failure_without_data_is_that_of_an_older_convoy(
    ledger: Engine, new_run: NewRun, step_ids: StepIds
) -> None:
    run_id = new_run(steps=1)
    (step_id,) = step_ids(run_id)
    with ledger.begin() as connection:
        step = claim(connection, step_id, "worker@test", 30.0)
        assert step is not None
        _log_failure(connection, run_id, step=step_id, error="deadlock")
        give_back(connection, step, "deadlock", final=True)
    with ledger.begin() as connection:
        assert first_failure(connection, run_id, Phase.PROFILING) == Failure("deadlock", None)
