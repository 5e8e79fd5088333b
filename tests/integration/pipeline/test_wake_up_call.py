"""What a worker does when it is woken: steps of whatever run has its turn, and who is called afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from migration.ledger.run_requests import request_pause
from migration.ledger.step_records import Step, take_unsent
from migration.model import Phase
from migration.steps import wake_up_call
from migration.steps.step_execution import run_next_steps
from migration.steps.wake_up_call import Callers, answer_call
from tests.support.direct import Direct, quiet_steps

SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO t SELECT i, 'x' FROM n;
"""


class Calls(list[tuple[str, str]]):
    """Who was called, and for which run."""

    @property
    def callers(self) -> Callers:
        return Callers(lambda run: self.append(("producer", run)), lambda run: self.append(("worker", run)))


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()


@pytest.fixture(autouse=True)
def no_step_without_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_up_call, "ALONE_SECONDS", -1.0)


@pytest.fixture
def copying(direct: Direct, build: Callable[[str], Path]) -> Callable[..., str]:
    """Return a run whose copying has been sent: four chunks."""
    path = build(SCRIPT)

    def make(schema: str, **options: int) -> str:
        run = direct.start(path, until=Phase.COPYING, target_schema=schema, chunk_rows=25, **options)
        with direct.ledger.begin() as connection:
            assert len(take_unsent(connection, run.id, Phase.COPYING, 100)) == 4
        return run.id

    return make


def make_starving(direct: Direct, run_id: str) -> None:
    """Let a run have got nothing for so long that the next step is its own, whoever waits."""
    with direct.ledger.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO convoy.run_service AS v (run_id, bytes, claimed_at)"
                " VALUES (:run, 0, clock_timestamp() - interval '1 hour')"
                " ON CONFLICT (run_id) DO UPDATE SET claimed_at = excluded.claimed_at"
            ),
            {"run": run_id},
        )


def states(direct: Direct, run_id: str) -> list[str]:
    rows = direct.query(
        f"SELECT state FROM convoy.steps WHERE run_id = '{run_id}' AND phase = 'copying' ORDER BY state"
    )
    return [state for (state,) in rows]


def test_worker_runs_as_many_steps_as_it_was_woken_for(direct: Direct, copying: Callable[..., str]) -> None:
    run_id, calls = copying("counted"), Calls()
    answer_call(direct.context, 3, calls.callers)
    assert (states(direct, run_id), calls) == (["done"] * 3 + ["pending"], [])
    answer_call(direct.context, 1, calls.callers)
    assert (states(direct, run_id), calls) == (["done"] * 4, [("producer", run_id)])


def test_worker_goes_on_for_a_moment_without_a_message(
    direct: Direct, copying: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_up_call, "ALONE_SECONDS", 60.0)
    first, second, calls = copying("first"), copying("second"), Calls()
    groups: list[int] = []

    def run_and_note(*arguments: Any, **more: Any) -> list[Step]:
        steps = run_next_steps(*arguments, **more)
        groups.append(len(steps))
        return steps

    monkeypatch.setattr(wake_up_call, "run_next_steps", run_and_note)
    answer_call(direct.context, 3, calls.callers)
    assert (states(direct, first), states(direct, second)) == (["done"] * 4, ["done"] * 4)
    assert groups == [3, 1, 3, 1, 0]  # small ones together, as a message would have them
    assert calls == [("producer", first), ("producer", second)]
    answer_call(direct.context, 1, calls.callers)  # a message whose step somebody has taken finds nothing
    assert len(calls) == 2


def test_worker_that_goes_on_leaves_a_paused_run_alone(
    direct: Direct, copying: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_up_call, "ALONE_SECONDS", 60.0)
    paused, other, calls = copying("halted"), copying("other"), Calls()
    request_pause(direct.ledger, paused)
    answer_call(direct.context, 1, calls.callers)
    assert (states(direct, paused), states(direct, other)) == (["pending"] * 4, ["done"] * 4)


def test_producer_is_called_for_each_run_that_is_through(direct: Direct, copying: Callable[..., str]) -> None:
    first, second, calls = copying("first"), copying("second"), Calls()
    answer_call(direct.context, 20, calls.callers)
    assert calls == [("producer", first), ("producer", second)]


def test_step_that_fails_for_good_calls_the_producer(direct: Direct, copying: Callable[..., str]) -> None:
    run_id, calls = copying("failing"), Calls()
    with direct.ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.steps SET attempts = 5 WHERE run_id = :run"), {"run": run_id})
    with quiet_steps():
        answer_call(direct.context, 4, calls.callers)
    assert (states(direct, run_id), calls) == (["failed"] * 4, [("producer", run_id)])


def test_worker_stays_with_a_run_that_has_a_limit_while_its_turn_lasts(
    direct: Direct, copying: Callable[..., str]
) -> None:
    limited, other, calls = copying("limited", max_workers=1), copying("other"), Calls()
    answer_call(direct.context, 1, calls.callers)
    # The step that the message is good for is one of the other run, whose own message is left over.
    assert (states(direct, limited), states(direct, other)) == (["done"] * 4, ["done"] + ["pending"] * 3)
    assert calls == [("producer", limited)]


def test_limit_of_workers_does_not_go_before_a_priority(direct: Direct, copying: Callable[..., str]) -> None:
    low, calls = copying("low", max_workers=1, priority=-100), Calls()
    high = copying("high", priority=100)
    make_starving(direct, low)
    answer_call(direct.context, 1, calls.callers)
    assert (states(direct, low), states(direct, high)) == (
        ["done"] + ["pending"] * 3,
        ["done"] + ["pending"] * 3,
    )
    assert calls == [("worker", low)]
    answer_call(direct.context, 1, calls.callers)  # the one that was called takes its turn as everybody does
    assert (states(direct, low), states(direct, high)) == (
        ["done"] + ["pending"] * 3,
        ["done"] * 2 + ["pending"] * 2,
    )
    assert calls == [("worker", low)]  # and calls nobody for a run that it has not worked on


@pytest.mark.parametrize("counts", [[1] * 4, [3, 1], [4]])
def test_messages_of_the_other_are_enough_for_both_whoever_is_first(
    direct: Direct, copying: Callable[..., str], counts: list[int]
) -> None:
    low, calls = copying("low", max_workers=1, priority=-100), Calls()  # whose messages found it at its limit
    high = copying("high", priority=100)
    make_starving(direct, low)
    waiting, answered = list(counts), 0
    waiting.append(1)  # for the worker that had kept it at its limit
    while waiting:
        before = len(calls)
        answer_call(direct.context, waiting.pop(0), calls.callers)
        waiting += [1 for kind, _ in calls[before:] if kind == "worker"]
        answered += 1
        assert answered < 20
    assert (states(direct, low), states(direct, high)) == (["done"] * 4, ["done"] * 4)
    assert set(calls) - {("worker", low)} == {("producer", high), ("producer", low)}
    assert calls.count(("worker", low)) <= 4


def test_worker_of_several_runs_with_a_limit_goes_from_one_to_the_next_without_messages(
    direct: Direct, copying: Callable[..., str]
) -> None:
    first, second = copying("first", max_workers=1), copying("second", max_workers=1)
    calls = Calls()
    make_starving(direct, second)
    answer_call(direct.context, 1, calls.callers)
    assert (states(direct, first), states(direct, second)) == (["done"] * 4, ["done"] * 4)
    assert calls == [("producer", first), ("producer", second)]


def test_worker_that_stayed_long_enough_calls_another(
    direct: Direct, copying: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_up_call, "EXTRA_SECONDS", -1.0)
    run_id, calls = copying("relieved", max_workers=1), Calls()
    answer_call(direct.context, 1, calls.callers)
    assert (states(direct, run_id), calls) == (
        ["done", "pending", "pending", "pending"],
        [("worker", run_id)],
    )
    answer_call(direct.context, 2, calls.callers)
    assert (states(direct, run_id), calls) == (["done"] * 3 + ["pending"], [("worker", run_id)] * 3)
    answer_call(direct.context, 1, calls.callers)
    assert (states(direct, run_id), calls[3:]) == (["done"] * 4, [("producer", run_id)])


def test_run_with_a_limit_that_was_paused_or_is_at_its_limit_calls_nobody(
    direct: Direct, copying: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, calls = copying("held", max_workers=1), Calls()

    def run_and_pause(*arguments: Any, **more: Any) -> list[Step]:
        steps = run_next_steps(*arguments, **more)
        request_pause(direct.ledger, run_id)
        return steps

    monkeypatch.setattr(wake_up_call, "run_next_steps", run_and_pause)
    answer_call(direct.context, 1, calls.callers)
    assert states(direct, run_id) == ["done", "pending", "pending", "pending"]
    assert ("worker", run_id) not in calls


def test_worker_that_loses_the_ledger_calls_another_for_the_run_that_it_was_on(
    direct: Direct, copying: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, calls = copying("lost", max_workers=1), Calls()
    monkeypatch.setattr(direct.context, "back_off", lambda: None)
    asked: list[int] = []

    def run_once(*arguments: Any, **more: Any) -> list[Step]:
        asked.append(1)
        if len(asked) > 1:
            raise ConnectionRefusedError
        return run_next_steps(*arguments, **more)

    monkeypatch.setattr(wake_up_call, "run_next_steps", run_once)
    with quiet_steps():
        answer_call(direct.context, 1, calls.callers)
    assert (states(direct, run_id), calls) == (
        ["done", "pending", "pending", "pending"],
        [("worker", run_id)],
    )


def test_call_for_a_paused_run_finds_nothing(direct: Direct, copying: Callable[..., str]) -> None:
    run_id, calls = copying("paused"), Calls()
    request_pause(direct.ledger, run_id)
    answer_call(direct.context, 4, calls.callers)
    assert (states(direct, run_id), calls) == (["pending"] * 4, [])


def test_call_whose_worker_cannot_reach_the_ledger_ends(
    direct: Direct, copying: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, calls = copying("unreachable"), Calls()
    monkeypatch.setattr(direct.context, "back_off", lambda: None)

    def refuse(*_arguments: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as broken, quiet_steps():
        broken.setattr(direct.context.engine, "connect", refuse)
        answer_call(direct.context, 4, calls.callers)
    assert (states(direct, run_id), calls) == (["pending"] * 4, [])
    answer_call(direct.context, 4, calls.callers)
    assert (states(direct, run_id), calls) == (["done"] * 4, [("producer", run_id)])
