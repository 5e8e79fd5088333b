"""What those see who watch the queue, Flower among them: from a task to its run, phase, table and chunk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery

from migration.model import Phase
from migration.queue import ADVANCE_TASK, RUN_STEPS_TASK
from tests.support.pipeline import Pipeline
from tests.support.shell import wait_until

Build = Callable[[str], Path]
REFUSAL = """
CREATE FUNCTION convoy.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.state = 'done' AND (SELECT name FROM convoy.tables WHERE id = NEW.table_id) = 'doomed' THEN
        RAISE EXCEPTION 'this chunk is refused';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON convoy.chunks FOR EACH ROW EXECUTE FUNCTION convoy.refuse()
"""


class Watcher:
    """Receives the events that Flower receives."""

    def __init__(self, app: Celery) -> None:
        self.events: list[dict[str, Any]] = []
        self._app = app
        self._stop = threading.Event()
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        with self._app.connection() as connection:
            receiver = self._app.events.Receiver(connection, handlers={"*": self.events.append})
            for _ in self._turns(receiver):
                if self._stop.is_set():
                    return

    def _turns(self, receiver: Any) -> Iterator[None]:
        with receiver.consumer_context(wakeup=False) as (connection, _channel, _consumers):
            self.ready.set()
            while True:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)
                yield

    def of(self, kind: str, task: str, shown_run: str) -> list[dict[str, Any]]:
        """Return the events of one kind about the tasks of a run, each with what its task was called with."""
        called = {
            event["uuid"]: event
            for event in self.events
            if event["type"] == "task-received" and event["name"] == task and shown_run in event["args"]
        }
        return [event for event in self.events if event["type"] == kind and event.get("uuid") in called]

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def watcher(pipeline: Pipeline) -> Iterator[Watcher]:
    watcher = Watcher(pipeline.queue)
    assert watcher.ready.wait(20)
    yield watcher
    watcher.close()


@pytest.fixture
def refusing(pipeline: Pipeline) -> Iterator[None]:
    """A ledger that refuses to call a chunk of a table `doomed` done."""
    with psycopg.connect(pipeline.url) as connection:
        connection.execute(REFUSAL)
    yield
    with psycopg.connect(pipeline.url) as connection:
        connection.execute("DROP FUNCTION convoy.refuse() CASCADE")


def test_tasks_name_run_phase_table_and_chunk(pipeline: Pipeline, watcher: Watcher, build: Build) -> None:
    run = pipeline.migrate(
        build("CREATE TABLE book (id INTEGER PRIMARY KEY); INSERT INTO book VALUES (1), (2);")
    )
    assert run.phase is Phase.COMPLETED
    shown = f"run {run.id[:18]}"
    assert wait_until(lambda: len(watcher.of("task-succeeded", RUN_STEPS_TASK, shown)) >= 4)
    received = [event["args"] for event in watcher.of("task-received", RUN_STEPS_TASK, shown)]
    source = run.options.sources[0].label
    assert f"{shown}, copying, table book of source {source}, chunk 0" in received
    results = [event["result"] for event in watcher.of("task-succeeded", RUN_STEPS_TASK, shown)]
    assert any(f"copying, table book of source {source}, chunk 0; 2 rows" in result for result in results)
    assert all(len(args) <= 300 for args in received)
    assert {event["args"] for event in watcher.of("task-received", ADVANCE_TASK, shown)} == {shown}


@pytest.mark.usefixtures("refusing")
def test_step_that_failed_for_good_is_a_failed_task_and_the_run_ends_at_once(
    pipeline: Pipeline, watcher: Watcher, build: Build
) -> None:
    run_id = pipeline.start(
        build("CREATE TABLE doomed (id INTEGER PRIMARY KEY); INSERT INTO doomed VALUES (1);")
    )
    run = pipeline.wait(run_id)
    assert (run.phase, run.resume_phase) == (Phase.FAILED, Phase.COPYING)
    assert "this chunk is refused" in (run.error or "")
    shown = f"run {run.id[:18]}"
    assert wait_until(lambda: bool(watcher.of("task-failed", RUN_STEPS_TASK, shown)))
    (failed,) = watcher.of("task-failed", RUN_STEPS_TASK, shown)
    assert "copying, table doomed of source" in failed["exception"]
    assert "this chunk is refused" in failed["exception"]
    # Nobody waited for the watchdog: its next look would have been an entry of the log.
    kinds = [kind for (kind,) in pipeline.query(f"SELECT kind FROM convoy.events WHERE run_id = '{run_id}'")]
    assert "resend" not in kinds
    # The start, the worker that ended the last step and the chord, of profiling and of copying: none is lost.
    assert wait_until(lambda: len(watcher.of("task-received", ADVANCE_TASK, shown)) == 1 + 2 * 2)
    ended = [log.read_text(encoding="utf-8") for log in pipeline.cluster.logs.glob("worker*.log")]
    assert any("table doomed of source" in text and "failed for good" in text for text in ended)
