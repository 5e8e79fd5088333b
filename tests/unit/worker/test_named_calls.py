"""Whoever a worker calls is told of the target that it was called for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from migration.steps.wake_up_call import Callers
from migration.target_name_errors import TargetNameMissingError
from worker import tasks
from worker.task_notes import StepsFailedError

Calls = list[tuple[object, ...]]


class Contexts:
    """Of a worker that knows the default target and `shop`."""

    @contextmanager
    def at_work(self, target: str) -> Iterator[SimpleNamespace]:
        if target not in {"", "shop"}:
            raise TargetNameMissingError(f"There is no target {target!r}")
        yield SimpleNamespace(worker="w:1")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made: Calls = []

    def answer(_context: object, count: int, callers: Callers, **_more: object) -> None:
        made.append(("steps", count))
        callers.call_producer("run")
        callers.call_worker("run")

    monkeypatch.setattr(tasks, "answer_call", answer)
    monkeypatch.setattr(tasks, "send_return", lambda _app, *told: made.append(("producer", *told)))
    monkeypatch.setattr(tasks, "send_wake_up_call", lambda _app, *told: made.append(("worker", *told)))
    monkeypatch.setattr(tasks.Process, "open", lambda _hostname: Contexts())
    for signal in ("worker_process_init", "worker_process_shutdown", "worker_ready", "worker_shutdown"):
        monkeypatch.setattr(getattr(tasks.signals, signal), "connect", _unconnected)
    return made


def _unconnected(*functions: Callable[..., object], **_options: object) -> object:
    return functions[0] if functions else lambda function: function


class App:
    """Keeps the task that is given to it: Celery's own applications share theirs with each other."""

    function: Callable[..., str]

    def task(self, **_options: object) -> Callable[[Callable[..., str]], None]:
        def keep(function: Callable[..., str]) -> None:
            self.function = function

        return keep


def run_steps(*message: object) -> str:
    app = App()
    tasks.register(app)  # type: ignore[arg-type]
    request = SimpleNamespace(id="task", hostname="w", delivery_info={})
    return app.function(SimpleNamespace(request=request), *message)


@pytest.mark.parametrize(
    ("message", "target"),
    [(("run", 3), ""), (("run", 3, "shop"), "shop")],
    ids=["of a version before", "named"],
)
def test_calls_carry_the_name_of_the_message(calls: Calls, message: tuple[object, ...], target: str) -> None:
    run_steps(*message)
    assert calls == [("steps", 3), ("producer", "run", target), ("worker", "run", target)]


def test_name_that_this_worker_does_not_know_is_a_failed_task_and_no_step(
    calls: Calls,
) -> None:
    with pytest.raises(StepsFailedError, match="There is no target 'crm'"):
        run_steps("run", 3, "crm")
    assert calls == []
