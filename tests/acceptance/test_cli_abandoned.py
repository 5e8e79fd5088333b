"""Runs that nobody moves any more, and commands that are interrupted before they follow theirs."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import psycopg
import pytest

from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.support.shell import PATIENCE_SECONDS, Shell, make_database, wait_until

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER UPDATE ON convoy.chunks FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION slow();
"""
HELD = """
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
CREATE TRIGGER held AFTER INSERT ON convoy.runs EXECUTE FUNCTION held();
"""


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    made = Shell(tmp_path, target_url)
    make_database(made.folder / "shop.db")
    return made


def slow_chunks(shell: Shell) -> None:
    """Let chunks take so long that something can happen meanwhile; the ledger is there already."""
    with psycopg.connect(shell.target) as connection:
        connection.execute(SLOW.encode())


def one(shell: Shell, statement: str) -> object:
    rows = shell.query(statement)
    return rows[0][0] if rows else None


def test_command_interrupted_while_its_run_is_written_says_how_to_go_on(shell: Shell) -> None:
    status, _, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "before")
    assert status == 0, err
    with psycopg.connect(shell.target) as holder:
        holder.execute(HELD.encode())
        holder.commit()
        holder.execute("SELECT pg_advisory_lock(4711)")
        process = shell.start("migrate", "--source", "shop.db")
        waits = (
            "SELECT 1 FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO convoy.runs%'"
        )
        assert wait_until(lambda: bool(shell.query(waits)))
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.5)  # the signal is there before the run is
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, err
    line = re.search(r"Go on with: +migration-cli (.*)", err)
    assert line is not None, err
    status, _, err = shell.run(*line[1].split())
    assert status == 0, err


def test_run_whose_cluster_died_says_so_and_how_to_go_on(shell: Shell) -> None:
    status, _, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "before")
    assert status == 0, err
    slow_chunks(shell)
    process = shell.start("migrate", "--source", "shop.db", "--chunk-rows", "3")
    assert wait_until(lambda: bool(shell.query("SELECT 1 FROM convoy.runs WHERE phase = 'copying'")))
    run_id = str(one(shell, "SELECT id::text FROM convoy.runs WHERE phase = 'copying'"))
    process.kill()  # what it has started ends with it
    process.communicate(timeout=PATIENCE_SECONDS)
    living = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database()"
        " AND application_name LIKE 'convoy %' AND application_name <> 'convoy cli'"
    )
    assert wait_until(lambda: one(shell, living) == 0)
    status, out, _ = shell.run("status", run_id, "--json")
    assert json.loads(out)["is_abandoned"] is False  # it could be about to come back
    shell.execute(  # let it have been quiet for a while
        "UPDATE convoy.events SET at = at - interval '1 min';"
        "UPDATE convoy.runs SET created_at = created_at - interval '1 min';"
        "UPDATE convoy.steps SET claimed_at = claimed_at - interval '1 min',"
        " finished_at = finished_at - interval '1 min';"
        "UPDATE convoy.processes SET seen_at = seen_at - interval '1 min'"
    )
    status, out, _ = shell.run("status", run_id)
    assert status == 0
    assert "No producer is connected to this database" in out
    line = re.search(r"Go on +migration-cli (resume .*)", out)
    assert line is not None, out

    follower = shell.start("status", run_id, "--follow")
    assert follower.stderr is not None
    for line_said in follower.stderr:
        if "No producer is connected" in line_said:
            os.killpg(follower.pid, signal.SIGINT)
            break
    _, err = follower.communicate(timeout=PATIENCE_SECONDS)
    assert "nobody moves the run" in err
    assert "goes on in the cluster" not in err

    status, out, err = shell.run(*line[1].split())
    assert status == 0, err
    assert "Proved" in out


def test_server_that_is_away_is_waited_for_aloud(passable_path: Path, tmp_path: Path) -> None:
    server = EmbeddedPostgres(passable_path / "postgres", settings={"fsync": "off"})
    server.start()
    try:
        shell = Shell(tmp_path, server.url)
        make_database(shell.folder / "shop.db")
        status, _, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "before")
        assert status == 0, err
        slow_chunks(shell)
        process = shell.start("migrate", "--source", "shop.db", "--chunk-rows", "3")
        assert wait_until(lambda: bool(shell.query("SELECT 1 FROM convoy.runs WHERE phase = 'copying'")))
        server.stop()
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if "PostgreSQL does not answer, and is waited for" in line:
                server.start()
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, told
        assert "Proved" in out
        assert any("PostgreSQL answers again." in line for line in told), told
    finally:
        server.stop()
