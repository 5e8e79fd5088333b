"""The command line on a cluster that runs elsewhere: it enqueues, follows, and may leave."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.pipeline import Pipeline
from tests.support.shell import PATIENCE_SECONDS, Shell, make_database, wait_until


@pytest.fixture
def shell(tmp_path: Path, pipeline: Pipeline) -> Shell:
    there = Shell(tmp_path, pipeline.url)
    there.environment["MIGRATION_BROKER_URL"] = pipeline.cluster.broker_url
    return there


def test_a_run_is_followed_on_the_configured_cluster(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=10)
    status, out, err = shell.run("migrate", "--source", "shop.db", "--target-schema", "cli followed")
    assert status == 0, err
    assert "Starting" not in err
    assert "report.html" in out
    assert shell.query('SELECT count(*) FROM "cli followed".book') == [(10,)]


def test_ctrl_c_leaves_the_run_to_the_cluster(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=20_000)
    process = shell.start(
        "migrate", "--source", "shop.db", "--target-schema", "cli left", "--chunk-rows", "200", "--json"
    )
    newest = "SELECT id::text, phase FROM convoy.runs WHERE options ->> 'target_schema' = 'cli left'"
    try:
        assert wait_until(lambda: bool(shell.query(newest)))
        assert process.stderr is not None
        process.stderr.readline()  # it follows
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "The run goes on" in err
    error = json.loads(out)["error"]
    assert (error["code"], error["exit_status"]) == ("interrupted", 130)
    assert error["next_steps"][0]["command"].endswith(f"migration-cli status {error['run']} --follow")
    follow = re.search(r"Follow it: +migration-cli (.*)", err)
    assert follow is not None

    status, _, err = shell.run(*follow[1].split())
    assert status == 0, err
    assert shell.query('SELECT count(*) FROM "cli left".book') == [(20_000,)]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "no url at all"])
def test_a_broker_that_does_not_answer_is_status_2(shell: Shell, url: str) -> None:
    make_database(shell.folder / "shop.db", rows=10)
    shell.environment["MIGRATION_BROKER_URL"] = url
    runs = shell.query("SELECT count(*) FROM convoy.runs")
    status, _, err = shell.run("migrate", "--source", "shop.db")
    assert status == 2, err
    assert err.count("error:") == 1
    assert shell.query("SELECT count(*) FROM convoy.runs") == runs
