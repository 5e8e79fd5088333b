"""`pause` and `resume`, and a run's place among others, through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.support.shell import PATIENCE_SECONDS, Shell, make_database, wait_until

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER UPDATE ON convoy.chunks FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION slow();
"""


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    made = Shell(tmp_path, target_url)
    make_database(made.folder / "shop.db")
    return made


def test_run_pauses_says_so_and_goes_on_with_resume(shell: Shell) -> None:
    status, _, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "before")
    assert status == 0, err
    with_slow_chunks(shell)
    process = shell.start(
        "migrate", "--source", "shop.db", "--chunk-rows", "3", "--priority", "7", "--max-workers", "1"
    )
    try:
        assert wait_until(lambda: bool(shell.query("SELECT 1 FROM convoy.runs WHERE phase = 'copying'")))
        ((run_id,),) = shell.query("SELECT id::text FROM convoy.runs WHERE phase = 'copying'")
        status, out, err = shell.run("pause", run_id)
        assert (status, err) == (0, "")
        assert f"Run {run_id} is paused in copying" in out
        assert f"resume {run_id}" in out
        running = f"SELECT 1 FROM convoy.steps WHERE run_id = '{run_id}' AND state = 'running'"
        assert wait_until(lambda: not shell.query(running))
        done = "SELECT count(*) FROM convoy.chunks WHERE state = 'done'"
        before = shell.query(done)
        status, out, _ = shell.run("status", run_id)
        assert "Paused: Copying rows" in out
        assert "It was paused at" in out
        assert "Go on     " in out
        status, out, _ = shell.run("status", run_id, "--json")
        assert json.loads(out)["paused_at"] is not None
        assert shell.query(done) == before
        assert shell.query(f"SELECT priority, max_workers FROM convoy.runs WHERE id = '{run_id}'") == [(7, 1)]

        status, out, err = shell.run("resume", run_id)
        assert status == 0, err
        assert "Proved" in out
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, err
        assert "It was paused at" in err
    finally:
        process.kill()
    status, _, err = shell.run("pause", run_id)
    assert status == 2
    assert "completed and cannot be paused" in err


def with_slow_chunks(shell: Shell) -> None:
    """Let each chunk take a while, so that a run can be paused in the middle of them."""
    with psycopg.connect(shell.target) as connection:
        connection.execute(SLOW)
