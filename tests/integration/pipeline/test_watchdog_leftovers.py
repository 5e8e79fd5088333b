"""A run that was cancelled while one of its workers was frozen: the watchdog goes on, and ends the frozen one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migration.ledger.run_records import find_run
from migration.ledger.step_claims import claim
from migration.ledger.step_records import take_unsent
from migration.model import Phase
from migration.queue import make_app
from migration.steps.run_cancellation import Cancellation, cancel_run
from producer.run_state_machine import Runner
from producer.watchdog import Watchdog
from tests.support.direct import Direct
from tests.support.ledger_consistency import complaints

SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);"
SILENCE_SECONDS = 8.0


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()


@pytest.fixture
def runner(direct: Direct) -> Iterator[Runner]:
    settings = direct.context.settings.model_copy(
        update={"broker_url": "redis://127.0.0.1:1/0", "silence_seconds": SILENCE_SECONDS}
    )
    made = Runner(make_app(settings), settings)
    yield made
    made.app.close()
    made.engine.dispose()


def test_watchdog_waits_for_no_frozen_worker_and_ends_it(
    direct: Direct, runner: Runner, build: Callable[[str], Path]
) -> None:
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="frozen")
    with direct.ledger.begin() as connection:
        ((step_id), *_) = [step.id for step in take_unsent(connection, run.id, Phase.COPYING, 10)]
    with direct.ledger.begin() as connection:
        assert claim(connection, step_id, "w@host:1", -1) is not None
    with psycopg.connect(direct.url, application_name="convoy w@host:1") as frozen:
        frozen.execute("SELECT FROM convoy.steps WHERE id = %s FOR UPDATE", (step_id,))
        frozen.execute(f'INSERT INTO "{run.staging_schema}".t VALUES (1)'.encode())
        begun = time.monotonic()
        assert cancel_run(direct.ledger, run.id) == Cancellation(
            (run.staging_schema,)
        )  # says that it is held, and by whom it will be removed
        assert find_run(direct.ledger, run.id).phase is Phase.CANCELLED
        watchdog = Watchdog(runner)
        watchdog.look_once()  # comes back although nobody lets go
        time.sleep(max(0.0, SILENCE_SECONDS + 1 - (time.monotonic() - begun)))
        watchdog.look_once()
        with pytest.raises(psycopg.OperationalError):
            frozen.execute("SELECT 1")
    assert complaints(direct.ledger, run.id) == []
