"""A run whose next phase takes long keeps no other run waiting, and who waits is told for what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from migration.ledger.run_records import create_run, find_run, read_run
from migration.ledger.run_waits import waits_of
from migration.ledger.step_claims import claim
from migration.ledger.step_records import take_unsent
from migration.model import Phase, Source
from migration.queue import make_app
from migration.run_options import RunOptions
from producer.run_state_machine import Runner
from producer.watchdog import Watchdog
from tests.support.direct import Direct
from tests.support.shell import wait_until

Build = Callable[[str], Path]
SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);"
AN_HOUR_AGO = (
    "UPDATE convoy.runs SET created_at = created_at - interval '1 hour';"
    "UPDATE convoy.events SET at = at - interval '1 hour';"
    "UPDATE convoy.steps SET claimed_at = claimed_at - interval '1 hour', finished_at = finished_at - interval '1 hour'"
)


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()


@pytest.fixture
def runner(direct: Direct) -> Iterator[Runner]:
    """As a producer that was started anew: it has heard of no run, and the broker tells it nothing."""
    settings = direct.context.settings.model_copy(
        update={"broker_url": "redis://127.0.0.1:1/0", "watchdog_seconds": 1.0}
    )
    made = Runner(make_app(settings), settings)
    yield made
    made.app.close()
    made.engine.dispose()


@pytest.fixture
def behind(direct: Direct, build: Build) -> Iterator[tuple[str, str, psycopg.Connection]]:
    """A run whose staging schema somebody else is about to create, and a run that was asked for after it.

    The first can go on from profiling only when that is over: as long as thousands of tables take to create.
    """
    path = build(SCRIPT)
    first = direct.start(path, until=Phase.PROFILING, target_schema="first")
    direct.work(first)
    second = create_run(direct.ledger, RunOptions(sources=(Source("s", str(path)),), target_schema="second"))
    with psycopg.connect(direct.url) as connection:
        connection.execute(f'CREATE SCHEMA "{first.staging_schema}"'.encode())
        yield first.id, second, connection
        connection.rollback()


def waits(direct: Direct, run_id: str) -> tuple[str, ...]:
    with direct.ledger.connect() as connection:
        return waits_of(connection, read_run(connection, run_id))


def say_that_both_are_there(direct: Direct, kinds: tuple[str, ...] = ("producer", "worker")) -> None:
    for kind in kinds:
        direct.query(
            "INSERT INTO convoy.processes VALUES"
            f" ('{kind}', '{kind}@host', 'host', 1, '0', 1, clock_timestamp(), clock_timestamp(), NULL)"
        )


def test_a_watchdog_that_is_long_at_one_run_moves_the_others(
    direct: Direct, runner: Runner, behind: tuple[str, str, psycopg.Connection]
) -> None:
    first, second, schema = behind
    watchdog = Watchdog(runner)
    try:
        watchdog.look_once()
        assert wait_until(lambda: find_run(direct.ledger, second).phase is Phase.PROFILING)
        assert find_run(direct.ledger, first).phase is Phase.PROFILING
        watchdog.look_once()  # comes back, and moves nothing twice
    finally:
        schema.rollback()
    assert wait_until(lambda: find_run(direct.ledger, first).phase is Phase.COPYING)
    assert watchdog._movers.wait(30)  # nobody is left at it when the connections are closed


def test_a_pending_run_says_which_run_is_before_it(
    direct: Direct, runner: Runner, behind: tuple[str, str, psycopg.Connection]
) -> None:
    first, second, schema = behind
    say_that_both_are_there(direct)
    direct.query(AN_HOUR_AGO)
    (told,) = waits(direct, second)
    assert told.startswith("It waits for a producer to take it up")
    mover = threading.Thread(target=runner.advance, args=(first,), kwargs={"wait": True})
    mover.start()
    try:
        assert wait_until(lambda: "which is at run" in " ".join(waits(direct, second)))
        (told,) = waits(direct, second)
        assert told.startswith(f"It waits for a producer, which is at run {first} (profiling), before it")
        assert waits(direct, first)[0].startswith("A producer has been at what comes after profiling since ")
    finally:
        schema.rollback()
        mover.join(60)


def test_steps_that_wait_say_whose_steps_the_workers_are_at(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    first = direct.start(path, until=Phase.COPYING, target_schema="first")
    second = direct.start(path, until=Phase.COPYING, target_schema="second")
    say_that_both_are_there(direct)
    with direct.ledger.begin() as connection:
        (step, *_) = take_unsent(connection, first.id, Phase.COPYING, 10)
        take_unsent(connection, second.id, Phase.COPYING, 10)
    with direct.ledger.begin() as connection:
        assert claim(connection, step.id, "worker@host:1", -1) is not None
        connection.execute(text("UPDATE convoy.steps SET lease_expires_at = now() + interval '1 day'"))
    direct.query(AN_HOUR_AGO)

    assert waits(direct, second.id) == (f"1 step waits for workers, which are at run {first.id} (copying).",)
