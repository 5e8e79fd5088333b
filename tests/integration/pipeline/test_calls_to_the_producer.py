"""Calls of `advance` that come while a thread of the same producer moves the run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from migration.queue import make_app
from producer.run_state_machine import Runner
from tests.support.direct import Direct

PATIENCE_SECONDS = 30
NO_RUN = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture
def runner(target_url: str, tmp_path: Path) -> Iterator[Runner]:
    direct = Direct(target_url, tmp_path / "direct")
    settings = direct.context.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    made = Runner(make_app(settings), settings)
    yield made
    made.app.close()
    made.engine.dispose()
    direct.close()


def test_calls_that_come_meanwhile_return_and_the_run_is_looked_at_once_more(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    looking, others_called = threading.Event(), threading.Event()

    def move(run_id: str) -> bool:
        looks.append(run_id)
        looking.set()
        assert others_called.wait(PATIENCE_SECONDS)
        return False

    monkeypatch.setattr(runner, "_move", move)
    first = threading.Thread(target=runner.advance, args=(NO_RUN,), kwargs={"wait": True})
    first.start()
    assert looking.wait(PATIENCE_SECONDS)
    for _ in range(20):
        runner.advance(NO_RUN, wait=True)  # returns although the first thread is at it
    assert looks == [NO_RUN]
    others_called.set()
    first.join(PATIENCE_SECONDS)
    assert looks == [NO_RUN, NO_RUN]
    runner.advance(NO_RUN, wait=True)
    assert looks == [NO_RUN] * 3


def test_call_after_one_that_failed_is_heard(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_run_id: str) -> bool:
        raise RuntimeError("the server is gone")

    with monkeypatch.context() as broken:
        broken.setattr(runner, "_move", fail)
        with pytest.raises(RuntimeError):
            runner.advance(NO_RUN, wait=True)
    looks: list[str] = []
    monkeypatch.setattr(runner, "_move", looks.append)
    runner.advance(NO_RUN, wait=True)
    assert looks == [NO_RUN]
