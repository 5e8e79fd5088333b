"""Every transition, disturbed before each of its statements and before its commit.

Somebody cancels, somebody stops the run as Ctrl-C does, another producer does the same transition, the server ends the
connection: whatever comes when, phase and target agree, and the run goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from migration.errors import CommandInterruptedError, ConvoyError, RunStateError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_requests import fail_run, request_pause, request_resume
from migration.model import Phase
from migration.steps.run_cancellation import cancel_run
from migration.steps.step_execution import run_step
from producer.transitions.phase_transitions import TRANSITIONS, move_on
from tests.support.direct import Direct, quiet_steps
from tests.support.ledger_consistency import complaints

SCRIPT = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent);
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (10, 1), (11, 2), (12, 2);
"""
SHOWN = {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}
STRIDE = 1 if os.environ.get("CONVOY_CHAOS") else 5
"""Every how manieth statement is disturbed; all of them in the long form."""

Disturbance = Callable[[Direct, Engine, RunRecord], None]


@contextmanager
def disturbed(engine: Engine, number: int, disturb: Callable[[Connection], None]) -> Iterator[list[str]]:
    """Call `disturb` before statement `number` of an engine, the commits counted; yields what was executed."""
    seen: list[str] = []

    def count(connection: Connection, what: str) -> None:
        seen.append(what)
        if len(seen) - 1 == number:
            disturb(connection)

    def on_statement(connection: Connection, _c: object, statement: str, *_rest: object) -> None:
        count(connection, statement)

    def on_commit(connection: Connection) -> None:
        count(connection, "COMMIT")

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)


def cancel(_direct: Direct, other: Engine, run: RunRecord) -> None:
    cancel_run(other, run.id)


def interrupt(_direct: Direct, other: Engine, run: RunRecord) -> None:
    """What Ctrl-C does to a command that follows its own cluster's run."""
    fail_run(other, run, CommandInterruptedError("The run was interrupted"))


def pause(_direct: Direct, other: Engine, run: RunRecord) -> None:
    request_pause(other, run.id)


def do_the_same(direct: Direct, other: Engine, run: RunRecord) -> None:
    """A second producer, which believes that the first has died."""
    context = direct.workspace
    move_on(type(context)(other, context.target_url, context.settings), run)


def attempt(
    raised: list[Exception], disturb: Disturbance, direct: Direct, other: Engine, run: RunRecord
) -> None:
    """Disturb, in a thread; what it raises is judged by the test."""
    try:
        disturb(direct, other, run)
    except Exception as error:  # noqa: BLE001
        raised.append(error)


def ready_for(direct: Direct, path: Path, phase: Phase, schema: str) -> RunRecord:
    """Return a run at the end of a phase: its steps are done, the transition is next."""
    run = direct.start(path, until=phase, target_schema=schema)
    while direct.work(run):
        pass
    return run


def statements_of(direct: Direct, path: Path, phase: Phase) -> int:
    run = ready_for(direct, path, phase, f"count_{phase}")
    with disturbed(direct.ledger, -1, lambda _: None) as seen:
        assert move_on(direct.workspace, run)
    direct.forget(find_run(direct.ledger, run.id))
    return len(seen)


def go_on(direct: Direct, run_id: str) -> RunRecord:
    """Do what the command tells a user to type next, until the run is at an end."""
    run = find_run(direct.ledger, run_id)
    if run.phase is Phase.FAILED or run.paused_at is not None:
        request_resume(direct.ledger, run_id)
    with quiet_steps():
        return direct.finish(run_id)


@pytest.fixture
def other(direct: Direct) -> Iterator[Engine]:
    engine = open_ledger(direct.url, "other")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("phase", TRANSITIONS)
@pytest.mark.parametrize("disturb", [cancel, interrupt, pause, do_the_same])
def test_transition_and_who_comes_between(
    direct: Direct, other: Engine, build: Callable[[str], Path], phase: Phase, disturb: Disturbance
) -> None:
    path = build(SCRIPT)
    total = statements_of(direct, path, phase)
    assert total > 3
    for number in range(total % STRIDE, total, STRIDE):
        schema = f"{disturb.__name__}_{phase}_{number}"
        run = ready_for(direct, path, phase, schema)
        raised: list[Exception] = []
        thread = threading.Thread(target=attempt, args=(raised, disturb, direct, other, run))

        def start(_connection: Connection, thread: threading.Thread = thread) -> None:
            thread.start()
            thread.join(0.05)  # until it is through, or waits for the run's row

        with disturbed(direct.ledger, number, start) as seen, suppress(ConvoyError):
            move_on(direct.workspace, run)
        thread.join(60)
        assert not thread.is_alive()
        now = find_run(direct.ledger, run.id)
        where = f"{disturb.__name__} before statement {number} of {phase}: {seen[number]}"
        assert complaints(direct.ledger, run.id) == [], where
        if raised:
            assert now.phase in SHOWN, where
            assert [type(error) for error in raised] == [RunStateError], where
        elif disturb is pause:
            assert now.paused_at is not None, where
        elif disturb is cancel:
            assert now.phase is Phase.CANCELLED, where
        ended = now if now.phase is Phase.CANCELLED else go_on(direct, run.id)
        assert complaints(direct.ledger, run.id) == [], where
        if ended.phase is not Phase.CANCELLED:
            assert (ended.phase, ended.error) == (Phase.COMPLETED, None), where
            assert direct.query(f"SELECT count(*), sum(parent) FROM {schema}.child") == [(3, 5)], where
        direct.forget(ended)


def end_session(direct: Direct, connection: Connection) -> None:
    """Let an administrator end the session of a connection."""
    pid = connection.connection.dbapi_connection.info.backend_pid
    with psycopg.connect(direct.url) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def end_attempts(direct: Direct, step_id: int, times: int) -> None:
    """Let an administrator end the session of as many attempts at a step, on a server that stays up."""
    with quiet_steps():
        for _ in range(times):
            with disturbed(direct.context.engine, 3, partial(end_session, direct)) as seen:
                assert not run_step(direct.context, step_id)
            assert len(seen) > 3
            direct.context.disturbances = 0  # no need to wait longer each time


def test_sessions_that_an_administrator_ends_are_attempts_and_the_last_one_is_left(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="attempts")
    ((step_id,), *_) = direct.query("SELECT id FROM convoy.steps WHERE phase = 'copying' ORDER BY id")
    times = direct.context.settings.max_attempts - 1
    end_attempts(direct, step_id, times)
    assert direct.query(f"SELECT state, attempts FROM convoy.steps WHERE id = {step_id}") == [
        ("pending", times)
    ]
    ended = direct.finish(run.id)
    assert (ended.phase, ended.error) == (Phase.COMPLETED, None)


def test_sessions_that_are_ended_for_ever_end_the_run_with_a_reason(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="for_ever")
    ((step_id,), *_) = direct.query("SELECT id FROM convoy.steps WHERE phase = 'copying' ORDER BY id")
    end_attempts(direct, step_id, direct.context.settings.max_attempts)
    ended = direct.finish(run.id)
    assert ended.phase is Phase.FAILED
    assert "terminating connection due to administrator command" in (ended.error or "")


@pytest.mark.parametrize("phase", TRANSITIONS)
def test_transition_whose_connection_the_server_ends(
    direct: Direct, build: Callable[[str], Path], phase: Phase
) -> None:
    path = build(SCRIPT)
    total = statements_of(direct, path, phase)
    for number in range(total % STRIDE, total, STRIDE):
        schema = f"ended_{phase}_{number}"
        run = ready_for(direct, path, phase, schema)

        with (
            disturbed(direct.ledger, number, partial(end_session, direct)) as seen,
            suppress(DBAPIError, ConvoyError),
        ):
            move_on(direct.workspace, run)
        where = f"ended before statement {number} of {phase}: {seen[number]}"
        assert complaints(direct.ledger, run.id) == [], where
        ended = go_on(direct, run.id)
        assert (ended.phase, ended.error) == (Phase.COMPLETED, None), where
        assert complaints(direct.ledger, run.id) == [], where
        assert direct.query(f"SELECT count(*), sum(parent) FROM {schema}.child") == [(3, 5)], where
        direct.forget(ended)
