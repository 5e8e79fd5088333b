"""The embedded target: nothing installed, nothing configured, the data kept for the next command."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.support.shell import Shell, is_gone, make_database, session_of, wait_until


@pytest.fixture
def shell(passable_path: Path) -> Shell:
    fresh = Shell(passable_path, "unused")
    del fresh.environment["MIGRATION_TARGET_URL"]
    return fresh


def test_the_data_is_kept_and_the_second_start_makes_no_cluster(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=10)
    flags = ("--target-url", "embedded", "--target-db", "shop")
    status, out, err = shell.run("migrate", "--source", "shop.db", *flags)
    assert status == 0, err
    assert "migration-cli psql --target-db shop" in out
    made = {
        path: path.stat().st_mtime_ns for path in (shell.folder / ".convoy" / "postgres").rglob("PG_VERSION")
    }
    assert made

    status, out, err = shell.run("psql", "--target-db", "shop", "-At", "-c", "SELECT count(*) FROM book")
    assert (status, out.strip()) == (0, "10"), err

    status, out, err = shell.run("status", *flags)
    assert status == 0, err
    assert "completed" in out
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_database_that_nobody_names_is_the_only_one_and_none_is_made_by_looking(shell: Shell) -> None:
    # Given a first migration whose database has the name of its file, as the guided one and `make migrate` have it
    make_database(shell.folder / "shop.db", rows=10)
    embedded = ("--target-url", "embedded")
    status, out, err = shell.run("migrate", "--source", "shop.db", "--hold", *embedded, "--target-db", "shop")
    assert status == 0, err
    run_id = out.split("cutover ", 1)[1].split()[0]

    # Then each command finds it without that name
    status, out, err = shell.run("status", *embedded)
    assert (status, run_id in out) == (0, True), out + err
    status, out, err = shell.run("cutover", run_id, *embedded)
    assert status == 0, err
    status, out, err = shell.run("psql", "-At", "-c", "SELECT count(*) FROM book")
    assert (status, out.strip()) == (0, "10"), err
    status, out, err = shell.run("validate", "--source", "shop.db", *embedded)
    assert status == 0, err

    # But what is named is not another, and nobody looks into one that is not there
    for command in (("psql", "-c", "\\l"), ("status", *embedded), ("resume", run_id, *embedded)):
        status, _, err = shell.run(command[0], "--target-db", "shap", *command[1:])
        assert (status, "no database 'shap', and these: shop" in err) == (2, True), (command, err)
    status, out, err = shell.run("psql", "-At", "-c", "SELECT datname FROM pg_database")
    assert set(out.split()) == {"postgres", "template0", "template1", "shop"}

    # And of several, none of which has the default name, one has to be named
    make_database(shell.folder / "other.db", rows=3)
    assert shell.run("migrate", "--source", "other.db", *embedded, "--target-db", "other")[0] == 0
    status, _, err = shell.run("psql", "-c", "TABLE book")
    assert (status, "these: other, shop" in err, "--target-db other" in err) == (2, True, True), err


def test_up_serves_until_it_is_told_to_stop(shell: Shell) -> None:
    shell.environment |= {"MIGRATION_API_PORT": "18765", "MIGRATION_FLOWER_URL": "http://127.0.0.1:18766"}
    process = shell.start("up", "--workers", "1")
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Ready"):
                break
        told = dict(line.split(maxsplit=1) for line in said)
        assert {"PostgreSQL", "Broker", "API", "Flower", "Token", "Logs"} <= set(told)
        assert "@" not in told["Broker"].replace("://@", "://")
        started = session_of(process)

        def is_up() -> bool:
            try:
                with urllib.request.urlopen("http://127.0.0.1:18765/healthz", timeout=2) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        assert wait_until(is_up)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert [pid for pid in started if not is_gone(pid)] == []


def test_a_second_command_may_look_while_the_first_one_runs(shell: Shell) -> None:
    make_database(shell.folder / "shop.db", rows=20_000)
    process = shell.start(
        "migrate", "--source", "shop.db", "--target-url", "embedded", "--chunk-rows", "1000", "--workers", "2"
    )
    try:
        assert wait_until((shell.folder / ".convoy" / "postgres" / "postmaster.pid").exists)
        status, _, err = shell.run("status", "--target-url", "embedded")
        assert status == 0, err
        _, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err
