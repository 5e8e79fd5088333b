"""What observers hear of a run that real steps and the state machine move, and what a broken one changes: nothing."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.error_record import error_record
from migration.errors import BrokerError
from migration.exit_status import ExitStatus
from migration.ledger.event_log import read_events
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import create_run, find_run
from migration.model import OnError, Phase, Source
from migration.observers.run_happenings import (
    Happening,
    PhaseEntered,
    RunFailed,
    RunMoveFailed,
    RunPlanned,
    RunWaiting,
    StepAttemptFailed,
    StepClaimed,
    StepDone,
    StepGivenBack,
    StepHappening,
    StepsRecovered,
    StepsSent,
)
from migration.observers.run_observer import Observers
from migration.queue import make_app
from migration.run_options import RunOptions
from migration.steps.step_execution import run_step
from producer import run_state_machine as sender
from producer.run_state_machine import Runner
from producer.watchdog import Watchdog
from tests.support.broker_proxy import BrokerProxy
from tests.support.direct import Direct, quiet_steps

Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, CAST(x'ff' AS TEXT));
"""


class Remembering:
    def __init__(self) -> None:
        self.seen: list[Happening] = []

    def observe(self, happening: Happening) -> None:
        self.seen.append(happening)

    def of(self, kind: type[Happening]) -> list[Happening]:
        return [happening for happening in self.seen if type(happening) is kind]


class Broken:
    def observe(self, happening: Happening) -> None:
        raise RuntimeError(f"cannot bear {type(happening).__name__}")


@pytest.fixture
def observer() -> Remembering:
    return Remembering()


@pytest.fixture
def watched(target_url: str, tmp_path: Path, observer: Remembering) -> Iterator[Direct]:
    """A producer and a worker with one observer that raises, and one behind it that remembers."""
    cluster = Direct(target_url, tmp_path, Observers(Broken(), observer))
    logging.disable(logging.WARNING)  # what the broken one is good for
    yield cluster
    logging.disable(logging.NOTSET)
    cluster.close()


@pytest.fixture
def runner(watched: Direct, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A producer whose messages nobody takes."""
    monkeypatch.setattr(sender, "send_steps", lambda *_args, **_options: None)
    settings = watched.context.settings.model_copy(update={"broker_url": valkey_url})
    runner = Runner(make_app(settings), settings, watched.context.observers)
    yield runner
    runner.app.close()
    runner.engine.dispose()
    with redis.Redis.from_url(valkey_url) as broker:
        broker.flushdb()


def _new_run(watched: Direct, path: Path) -> str:
    return create_run(watched.ledger, RunOptions(sources=(Source("s", str(path)),), target_schema="observed"))


def test_steps_are_told_with_table_and_chunk_and_what_they_moved(
    watched: Direct, observer: Remembering, build: Build
) -> None:
    run = watched.migrate(build(SCRIPT), target_schema="observed")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    steps = [happening for happening in observer.seen if isinstance(happening, StepHappening)]
    assert all(happening.run_id == run.id for happening in observer.seen)
    assert Counter(map(type, steps)) == {StepClaimed: 5, StepDone: 5}
    assert [type(happening) for happening in steps[:2]] == [StepClaimed, StepDone]
    assert {(happening.step.attempts, happening.step.worker) for happening in steps} == {(1, "direct")}
    (chunk_id,) = (chunk_id for (chunk_id,) in watched.query("SELECT id FROM convoy.chunks"))
    ((table_id, bytes_read),) = watched.query("SELECT table_id, bytes FROM convoy.chunks")
    ((bytes_sent,),) = watched.query("SELECT result->'bytes_sent' FROM convoy.steps WHERE phase = 'copying'")
    done = {
        happening.step.phase: happening for happening in observer.of(StepDone) if happening.table is not None
    }
    profiled, copied = done[Phase.PROFILING], done[Phase.COPYING]
    built, read_back = done[Phase.INDEXING], done[Phase.VALIDATING]
    assert (profiled.table, profiled.rows, profiled.rows_quarantined, profiled.bytes) == (
        "t",
        3,
        None,
        bytes_read,
    )
    assert (copied.table, copied.rows, copied.rows_quarantined, copied.bytes) == ("t", 2, 1, bytes_sent)
    assert (built.table, built.rows, built.bytes) == ("t", None, None)
    assert (read_back.table, read_back.rows, read_back.bytes) == ("t", 2, None)
    assert (profiled.step.chunk_id, copied.step.chunk_id) == (chunk_id, chunk_id)
    assert (copied.step.table_id, built.step.table_id, read_back.step.table_id) == (table_id,) * 3
    assert all(0 < happening.seconds < 60 for happening in done.values())
    assert observer.of(RunPlanned) == [RunPlanned(run.id, 1, 1)]


def test_attempt_that_fails_is_told_and_given_back_with_a_broken_observer_as_without(
    watched: Direct, observer: Remembering, build: Build
) -> None:
    run = watched.start(build(SCRIPT), until=Phase.COPYING, target_schema="observed")
    watched.query(f'DROP TABLE "{run.staging_schema}".t')
    with quiet_steps():
        run = watched.finish(run.id)
    assert (run.phase, run.resume_phase) == (Phase.FAILED, Phase.COPYING)
    (failed,) = observer.of(StepAttemptFailed)
    (given_back,) = observer.of(StepGivenBack)
    assert failed.step == given_back.step
    assert (failed.final, given_back.final) == (True, True)
    assert (failed.reason, failed.step.phase) == (str(given_back.error), Phase.COPYING)
    assert observer.seen.index(failed) < observer.seen.index(given_back)
    ((state, error),) = watched.query("SELECT state, error FROM convoy.steps WHERE phase = 'copying'")
    assert (state, error) == ("failed", failed.reason)
    (entry,) = (event for event in read_events(watched.ledger, run.id) if event.kind == "step_failed")
    assert entry.data == {
        "step": failed.step.id,
        "phase": "copying",
        "error": failed.reason,
        "final": True,
        "error_details": error_record(given_back.error),
    }


def test_step_whose_workers_died_is_claimed_and_given_back_for_good(
    watched: Direct, observer: Remembering, build: Build
) -> None:
    watched.start(build(SCRIPT), until=Phase.COPYING, target_schema="observed")
    ((step_id,),) = watched.query("UPDATE convoy.steps SET attempts = 5 WHERE phase = 'copying' RETURNING id")
    observer.seen.clear()
    assert not run_step(watched.context, step_id)
    claimed, given_back = observer.seen
    assert (type(claimed), claimed.step.attempts) == (StepClaimed, 6)
    assert (type(given_back), given_back.step, given_back.final) == (StepGivenBack, claimed.step, True)
    assert given_back.error.what == "Its worker died 5 times"
    assert watched.query("SELECT state FROM convoy.steps WHERE phase = 'copying'") == [("failed",)]


def test_step_is_not_given_back_without_its_entry_in_the_log(
    watched: Direct, observer: Remembering, build: Build
) -> None:
    run = watched.start(build(SCRIPT), until=Phase.COPYING, target_schema="observed")
    watched.query(f'DROP TABLE "{run.staging_schema}".t')
    watched.query("ALTER TABLE convoy.events ADD CONSTRAINT refused CHECK (kind <> 'step_failed')")
    ((step_id,),) = watched.query("SELECT id FROM convoy.steps WHERE phase = 'copying'")
    with quiet_steps(), pytest.raises(DBAPIError):
        run_step(watched.context, step_id)
    assert watched.query("SELECT state FROM convoy.steps WHERE phase = 'copying'") == [("running",)]
    assert len(observer.of(StepAttemptFailed)) == 1
    assert observer.of(StepGivenBack) == []


def test_value_that_stops_a_run_is_told_as_its_failure(
    watched: Direct, observer: Remembering, build: Build
) -> None:
    with quiet_steps():
        run = watched.migrate(build(SCRIPT), target_schema="observed", on_error=OnError.ABORT)
    assert run.phase is Phase.FAILED
    (failed,) = observer.of(RunFailed)
    assert (failed.run_id, failed.phase) == (run.id, Phase.COPYING)
    assert (str(failed.error), failed.error.exit_status) == (str(run.error), ExitStatus.FAILED)


def test_state_machine_tells_phases_and_what_it_sends(
    watched: Direct, observer: Remembering, runner: Runner, build: Build
) -> None:
    run_id = _new_run(watched, build(SCRIPT))
    runner.advance(run_id, wait=True)
    assert observer.seen == [
        PhaseEntered(run_id, Phase.SNAPSHOTTING, Phase.PENDING),
        PhaseEntered(run_id, Phase.PROFILING, Phase.SNAPSHOTTING),
        StepsSent(run_id, Phase.PROFILING, 1, 1),
    ]
    entries = [
        (event.kind, event.data) for event in read_events(watched.ledger, run_id) if event.kind != "act"
    ]
    assert entries == [
        ("phase", {"phase": "pending"}),
        ("phase", {"phase": "snapshotting"}),
        ("phase", {"phase": "profiling"}),
        ("sent", {"phase": "profiling", "messages": 1, "steps": 1}),
    ]


def test_steps_that_the_broker_did_not_take_are_not_told_as_sent(
    watched: Direct, observer: Remembering, runner: Runner, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise BrokerError("The broker does not answer")

    monkeypatch.setattr(sender, "send_steps", refuse)
    run_id = _new_run(watched, build(SCRIPT))
    runner.advance(run_id, wait=True)
    assert find_run(watched.ledger, run_id).phase is Phase.PROFILING
    (failed,) = observer.of(RunMoveFailed)
    assert failed == RunMoveFailed(run_id, Phase.PROFILING, "The broker does not answer.", None, final=False)
    assert observer.of(StepsSent) == []
    assert watched.query("SELECT count(*) FROM convoy.steps WHERE sent_at IS NULL") == [(1,)]


def test_steps_go_out_soon_after_the_broker_answers_again(
    watched: Direct,
    observer: Remembering,
    runner: Runner,
    build: Build,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "BROKER_LOOK_SECONDS", 0.05)
    port = urlsplit(valkey_url).port
    assert port is not None
    proxy = BrokerProxy(port)
    proxy.set("refuse")
    runner.app.conf.broker_url = valkey_url.replace(f":{port}", f":{proxy.port}")
    source = build(SCRIPT)
    runs = sorted(_new_run(watched, source) for _ in range(2))
    for run_id in runs:
        runner.advance(run_id, wait=True)
    assert observer.of(StepsSent) == []
    assert len(observer.of(RunWaiting)) == 2
    assert all(read_progress(watched.ledger, run_id).waits for run_id in runs)
    proxy.set("forward")
    deadline = time.monotonic() + 30  # the alternative: never, for here is no watchdog
    while len(observer.of(StepsSent)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    proxy.close()
    assert sorted(sent.run_id for sent in observer.of(StepsSent)) == runs
    assert [read_progress(watched.ledger, run_id).waits for run_id in runs] == [(), ()]


def test_run_that_cannot_be_moved_fails_with_a_broken_observer_as_without(
    watched: Direct, observer: Remembering, runner: Runner, tmp_path: Path
) -> None:
    run_id = _new_run(watched, tmp_path / "nowhere.db")
    with quiet_steps():
        runner.advance(run_id, wait=True)
    run = find_run(watched.ledger, run_id)
    assert (run.phase, run.resume_phase) == (Phase.FAILED, Phase.SNAPSHOTTING)
    _, moving, entered, failed = observer.seen
    assert (type(moving), moving.reason, moving.final) == (RunMoveFailed, run.error, True)
    assert entered == PhaseEntered(run_id, Phase.FAILED, Phase.SNAPSHOTTING)
    assert (type(failed), failed.run_id, failed.phase) == (RunFailed, run_id, Phase.SNAPSHOTTING)
    assert (str(failed.error), failed.error.exit_status) == (str(run.error), ExitStatus.UNUSABLE_INPUT)


def test_watchdog_tells_what_it_recovers(
    watched: Direct, observer: Remembering, runner: Runner, build: Build
) -> None:
    run_id = _new_run(watched, build(SCRIPT))
    runner.advance(run_id, wait=True)
    with watched.ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.steps SET sent_at = sent_at - interval '1 hour'"))
    observer.seen.clear()
    Watchdog(runner).look_once()
    assert observer.seen == [
        StepsRecovered(run_id, Phase.PROFILING, 0, 1),
        StepsSent(run_id, Phase.PROFILING, 1, 1),
    ]
    resent = [event.data for event in read_events(watched.ledger, run_id) if event.kind == "resend"]
    assert resent == [{"phase": "profiling", "lost": 0, "stalled": 1}]
