"""Ctrl-C, `cancel` and `pause` while the one transaction runs that shows the tables to users."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from migration.ledger.ledger_database import open_ledger
from migration.model import Phase
from producer.cli.app import COMMANDS
from tests.support.ledger_consistency import complaints
from tests.support.shell import PATIENCE_SECONDS, Shell, make_database, wait_until

SLOW_CUTOVER = """
CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('application_name') LIKE 'convoy producer%'
       AND to_regclass('convoy.runs') IS NOT NULL
       AND EXISTS (SELECT FROM convoy.runs WHERE phase = 'cutting_over') THEN
        PERFORM pg_sleep(0.4);
    END IF;
END $$;
CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION slow();
"""
HOWS = [how for how in ("interrupt", "cancel", "pause") if how == "interrupt" or how in COMMANDS]
TRIES = -(-200 // len(HOWS)) if os.environ.get("CONVOY_CHAOS") else 2
"""Of each; 200 moments in all in the long form."""
LONGEST_SECONDS = 2.2
"""Somewhat longer than the slowed transaction."""


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    with psycopg.connect(target_url) as connection:
        connection.execute(SLOW_CUTOVER)
    made = Shell(tmp_path, target_url)
    make_database(made.folder / "shop.db")
    return made


@pytest.fixture
def ledger(target_url: str) -> Iterator[Engine]:
    engine = open_ledger(target_url, "test")
    yield engine
    engine.dispose()


def cutting_over(shell: Shell, schema: str) -> str | None:
    """Return the id of the run into a schema, once it is in its cutover or past it."""
    found = shell.query(
        "SELECT id::text FROM convoy.runs WHERE phase IN ('cutting_over', 'completed', 'failed')"
        f" AND options->>'target_schema' = '{schema}'"
    )
    return found[0][0] if found else None


def phase_of(shell: Shell, run_id: str) -> str:
    ((phase,),) = shell.query(f"SELECT phase FROM convoy.runs WHERE id = '{run_id}'")
    return str(phase)


def go_on(shell: Shell, said: str) -> tuple[int, str, str]:
    """Type the command that was printed."""
    line = re.search(r"Go on with: +migration-cli (.*)", said)
    assert line is not None, said
    return shell.run(*line[1].split())


@pytest.mark.parametrize("number", range(TRIES))
@pytest.mark.parametrize("how", HOWS)
def test_run_stopped_in_its_cutover_is_whole_or_can_go_on(
    shell: Shell, ledger: Engine, how: str, number: int
) -> None:
    delay = random.Random(f"{how} {number}").uniform(0, LONGEST_SECONDS)  # noqa: S311 - seeded, so that it repeats
    schema = f"{how}_{number}"
    process = shell.start("migrate", "--source", "shop.db", "--target-schema", schema)
    try:
        assert wait_until(lambda: cutting_over(shell, schema) or process.poll() is not None)
        run_id = cutting_over(shell, schema)
        assert run_id is not None
        time.sleep(delay)
        if how == "interrupt":
            os.killpg(process.pid, signal.SIGINT)
            status, said = 0, ""
        else:
            status, printed, said = shell.run(how, run_id)
            if how == "pause" and status == 0:
                assert phase_of(shell, run_id) == Phase.CUTTING_OVER.value
                assert complaints(ledger, run_id) == []
                status, _, said = go_on(shell, printed)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert complaints(ledger, run_id) == []
    phase = phase_of(shell, run_id)
    if how == "cancel":
        assert (status, phase) in {(0, Phase.CANCELLED.value), (2, Phase.COMPLETED.value)}, said
        assert "rollback" in said or status == 0
    elif how == "pause":
        assert (phase, process.returncode) == (Phase.COMPLETED.value, 0), out + err
        assert status == 0 or "cannot be paused" in said, said
    elif phase == Phase.COMPLETED.value:
        assert process.returncode in {0, -signal.SIGINT, 130}, err
        assert "Proved" in out or "Interrupted" in err, out + err
    else:
        assert (process.returncode, phase) == (130, Phase.FAILED.value), err
        status, _, err = go_on(shell, err)
        assert status == 0, err
        assert phase_of(shell, run_id) == Phase.COMPLETED.value
        assert complaints(ledger, run_id) == []
