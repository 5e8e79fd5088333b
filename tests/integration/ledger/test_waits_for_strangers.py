"""What is said of a run that other people's sessions keep from its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from sqlalchemy import Engine, text

from migration.ledger import waits_for_strangers
from migration.ledger.hung_workers_and_lock_waits import end_silent, read_holds
from migration.ledger.process_presence import SIGN_SQL, ProcessKind
from migration.ledger.run_progress import read_progress
from migration.ledger.run_waits import UNTAKEN_STEPS
from migration.ledger.step_claims import claim
from migration.ledger.step_records import take_unsent
from migration.model import Phase
from migration.target.target_connection import make_engine
from tests.support.shell import wait_until

NewRun = Callable[..., str]
StepIds = Callable[[str], list[int]]


@pytest.fixture
def sent_run(ledger: Engine, new_run: NewRun, target_url: str) -> Iterator[str]:
    """A run whose steps are with the workers, one of which is alive, as is a producer."""
    run_id = new_run(steps=3)
    with psycopg.connect(target_url) as connection:
        for kind in ProcessKind:
            name = {"kind": kind, "name": f"{kind}@h", "host": "h", "pid": 7, "version": "1", "slots": 1}
            connection.execute(SIGN_SQL, {**name, "is_first": True})
    with ledger.begin() as connection:
        take_unsent(connection, run_id, Phase.PROFILING, 10)
    with psycopg.connect(target_url, application_name="convoy producer host:1"):
        yield run_id


def let_a_minute_pass(ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.runs SET created_at = created_at - interval '1 min'"))
        connection.execute(text("UPDATE convoy.events SET at = at - interval '1 min'"))


@contextmanager
def stranger(url: str, statement: str) -> Iterator[int]:
    with psycopg.connect(url, application_name="psql") as connection:
        connection.execute(statement.encode())
        yield connection.info.backend_pid


def waits(ledger: Engine, run_id: str) -> str:
    return " ".join(read_progress(ledger, run_id).waits)


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT * FROM convoy.steps WHERE state <> 'done' FOR UPDATE",
        "UPDATE convoy.steps SET weight = weight",
    ],
)
def test_who_has_locked_the_steps_is_named_and_no_worker_is_asked_for(
    ledger: Engine, sent_run: str, target_url: str, lock: str
) -> None:
    let_a_minute_pass(ledger)
    with stranger(target_url, lock) as pid:
        assert waits(ledger, sent_run) == (
            f"3 steps of the run are locked by process {pid} of PostgreSQL (role postgres, psql, idle in transaction),"
            " and workers pass them over: let it commit or roll back, or end it with"
            f" SELECT pg_terminate_backend({pid})."
        )
    assert "locked" not in waits(ledger, sent_run)


def test_several_who_lock_the_same_steps_are_named(ledger: Engine, sent_run: str, target_url: str) -> None:
    let_a_minute_pass(ledger)
    share = "SELECT * FROM convoy.steps FOR SHARE"
    with stranger(target_url, share) as one, stranger(target_url, share) as two:
        told = waits(ledger, sent_run)
    assert f"process {one} of PostgreSQL" in told
    assert f"process {two} of PostgreSQL" in told
    assert "Start it with" not in told


def test_who_only_reads_the_steps_is_not_blamed(ledger: Engine, sent_run: str, target_url: str) -> None:
    let_a_minute_pass(ledger)
    with stranger(target_url, "SELECT * FROM convoy.steps"):
        told = waits(ledger, sent_run)
    assert told.startswith(f"{UNTAKEN_STEPS} 1 worker gives signs of life")
    assert "Start it with" not in told


@pytest.mark.parametrize(
    ("lock", "name", "statement"),
    [
        ("LOCK TABLE convoy.steps IN EXCLUSIVE MODE", "w1:7", "UPDATE convoy.steps SET weight = 1"),
        ("LOCK TABLE convoy.events IN SHARE MODE", "w1:7", "DELETE FROM convoy.events WHERE id = 0"),
        ("SELECT * FROM convoy.runs FOR UPDATE", "producer host:1", "UPDATE convoy.runs SET phase = phase"),
        ("SELECT pg_advisory_lock(77)", "producer host:1", "SELECT pg_advisory_lock(77)"),
    ],
)
def test_who_holds_a_lock_that_a_process_waits_for_is_named(
    ledger: Engine,
    sent_run: str,
    target_url: str,
    monkeypatch: pytest.MonkeyPatch,
    lock: str,
    name: str,
    statement: str,
) -> None:
    monkeypatch.setattr(waits_for_strangers, "_LASTING_SECONDS", 0.1)
    engine = make_engine(target_url, f"convoy {name}")

    def wait_for_it() -> None:
        with engine.begin() as connection:
            connection.execute(text(statement))

    thread = threading.Thread(target=wait_for_it)
    with stranger(target_url, lock) as pid:
        thread.start()
        words = (
            f"convoy {name} waits for a lock that is held by process {pid} of PostgreSQL (role postgres, psql"
        )
        assert wait_until(lambda: words in waits(ledger, sent_run)), waits(ledger, sent_run)
        assert f"SELECT pg_terminate_backend({pid})" in waits(ledger, sent_run)
    thread.join()
    engine.dispose()


def test_a_lock_of_a_process_of_this_cluster_is_no_strangers(
    ledger: Engine, sent_run: str, target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits_for_strangers, "_LASTING_SECONDS", 0.0)
    with ExitStack() as stack:
        other = stack.enter_context(psycopg.connect(target_url, application_name="convoy w2:8"))
        other.execute("SELECT * FROM convoy.steps FOR UPDATE")
        assert waits(ledger, sent_run) == ""


def test_a_stranger_who_has_locked_a_running_step_is_not_taken_for_its_worker(
    ledger: Engine, sent_run: str, step_ids: StepIds, target_url: str
) -> None:
    # Given a step that a worker has lost, and that somebody else has locked
    step_id = step_ids(sent_run)[0]
    with ledger.begin() as connection:
        assert claim(connection, step_id, "w1:7", -1) is not None
    with stranger(target_url, f"SELECT * FROM convoy.steps WHERE id = {step_id} FOR UPDATE") as pid:
        time.sleep(0.2)
        # Then nobody says that the worker is at it, and the session is told of, but not ended
        with ledger.begin() as connection:
            assert read_holds(connection, sent_run) == []
            assert end_silent(connection, sent_run, 0.1) == []
        assert f"1 step of the run is locked by process {pid}" in waits(ledger, sent_run)
