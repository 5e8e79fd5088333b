from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery.bootsteps import CLOSE, RUN
from celery.exceptions import WorkerShutdown
from celery.worker.consumer import Consumer

from migration import lasting_consumer
from migration.lasting_consumer import LastingConsumer, LoopTurns


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> LoopTurns:
    turns = LoopTurns()
    monkeypatch.setattr(lasting_consumer, "loop_turns", turns)
    monkeypatch.setattr(lasting_consumer, "_PAUSE_SECONDS", 0.0)
    return turns


def consumer(monkeypatch: pytest.MonkeyPatch, *ends: BaseException | None) -> tuple[Any, list[str]]:
    """A consumer that was ready, whose loop ends so, one time after the other; and what it was taken apart by."""
    coming, done = iter(ends), []

    def start(_self: Consumer) -> None:
        end = next(coming)
        if end is not None:
            raise end

    monkeypatch.setattr(Consumer, "start", start)
    made: Any = LastingConsumer.__new__(LastingConsumer)
    made.was_ready, made.connection, made.hub = True, object(), None

    def broken(_error: Exception) -> None:
        done.append("closed")
        raise AttributeError("closing fails as well")

    made.on_connection_error_after_connected = broken
    made.on_close = lambda: done.append("cleared")
    made._cancel_connection_timer_entries = lambda: done.append("cancelled")
    made.blueprint = SimpleNamespace(state=RUN, restart=lambda _parent: done.append("stopped"))
    return made, done


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("'NoneType' object has no attribute 'hostname'"),
        RuntimeError("x"),
        KeyError(1),
        OSError(9),
    ],
)
def test_whatever_breaks_the_loop_it_begins_anew(
    monkeypatch: pytest.MonkeyPatch, turns: LoopTurns, error: Exception
) -> None:
    made, done = consumer(monkeypatch, error, error, None)
    made.start()
    # The second time there is no connection left that could be closed.
    assert done == ["closed", "cleared", "cancelled", "stopped", "cleared", "cancelled", "stopped"]
    assert made.connection is None
    assert turns.are_going_on()


@pytest.mark.parametrize("error", [WorkerLostError("no process starts"), MemoryError()])
def test_what_only_a_fresh_process_helps_against_ends_it(
    monkeypatch: pytest.MonkeyPatch, turns: LoopTurns, error: Exception
) -> None:
    made, done = consumer(monkeypatch, error)
    with pytest.raises(type(error)):
        made.start()
    assert done == []
    assert not turns.are_going_on()


def test_set_up_that_fails_at_once_ends_it(monkeypatch: pytest.MonkeyPatch, turns: LoopTurns) -> None:
    made, _ = consumer(monkeypatch, ValueError("a wrong setting"))
    made.was_ready = False
    with pytest.raises(ValueError, match="a wrong setting"):
        made.start()
    assert not turns.are_going_on()


def test_who_is_told_to_end_ends(monkeypatch: pytest.MonkeyPatch, turns: LoopTurns) -> None:
    made, _ = consumer(monkeypatch, WorkerShutdown(0))
    with pytest.raises(WorkerShutdown):
        made.start()
    assert turns.are_going_on()  # its steps are ended, and it counts until it says goodbye
    made, _ = consumer(monkeypatch, ValueError("as it closes"))
    made.blueprint.state = CLOSE
    with pytest.raises(ValueError, match="as it closes"):
        made.start()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(lasting_consumer.time, "monotonic", lambda: clock.now)
    return clock


def test_loop_that_turns_no_more_is_noticed(clock: SimpleNamespace) -> None:
    turns = LoopTurns()
    clock.now += 1_000
    assert turns.are_going_on()  # none has begun
    turns.turned()
    clock.now += 40
    assert turns.are_going_on()
    clock.now += 10
    assert not turns.are_going_on()
    turns.turned()
    assert turns.are_going_on()


def test_who_waits_for_the_broker_does_not_hang(clock: SimpleNamespace) -> None:
    turns = LoopTurns()
    turns.turned()
    with turns.suspended():
        clock.now += 10_000
        assert turns.are_going_on()
    assert turns.are_going_on()
    clock.now += 60
    assert not turns.are_going_on()
