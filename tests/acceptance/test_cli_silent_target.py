"""A command that waits for PostgreSQL says for what, and Ctrl-C or SIGTERM end it within seconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.lost_standby import lost_standby, replicating_server
from tests.support.shell import Shell, make_database

ENDED_SECONDS = 30
"""A hang is what is looked for; the command itself takes a quarter of it, on a machine that has time."""
STANDBY = "Waiting for a synchronous standby (synchronous_standby_names = 'nobody', and none is attached)"


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-") as folder,
        replicating_server(Path(folder)) as url,
    ):
        yield url


@pytest.fixture
def shell(tmp_path: Path, server_url: str) -> Shell:
    with psycopg.connect(server_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS convoy CASCADE; DROP TABLE IF EXISTS author, book CASCADE")
    shell = Shell(tmp_path, server_url)
    make_database(shell.folder / "shop.db", rows=10)
    return shell


def ended(process: subprocess.Popen[str], *numbers: signal.Signals) -> tuple[int, str, str]:
    """Send signals to the whole group, as a terminal does, and return status and output of the command."""
    for number in numbers:
        os.killpg(process.pid, number)
        time.sleep(0.3)
    try:
        out, err = process.communicate(timeout=ENDED_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it hangs: {process.communicate()}") from None
    return process.returncode, out, err


def told(process: subprocess.Popen[str], words: str) -> str:
    """Read what a command says until it says this."""
    assert process.stderr is not None
    read = ""
    while words not in read:
        line = process.stderr.readline()
        assert line, f"it ended without a word on {words!r}: {read}"
        read += line
    return read


@pytest.mark.parametrize(("has_ledger", "number"), [(True, signal.SIGTERM), (False, signal.SIGINT)])
def test_a_commit_that_waits_for_a_standby_is_named_and_can_be_ended(
    shell: Shell, has_ledger: bool, number: signal.Signals
) -> None:
    if has_ledger:
        assert shell.run("status")[0] == 0
    with lost_standby(shell.target):
        process = shell.start("dry-run", "--source", "shop.db", "--json")
        told(process, STANDBY)
        status, out, err = ended(process, number)
        assert status == 130, err
        assert "Interrupted" in err
        assert json.loads(out)["error"]["code"] == "interrupted"


def test_a_run_whose_writing_was_interrupted_can_be_resumed(shell: Shell) -> None:
    assert shell.run("status")[0] == 0
    with lost_standby(shell.target):
        process = shell.start("migrate", "--source", "shop.db")
        told(process, STANDBY)
        status, _, err = ended(process, signal.SIGINT)
    assert status == 130
    ((run,),) = shell.query("SELECT id::text FROM convoy.runs")
    assert f"resume {run}" in err
    status, _, err = shell.run("resume", run)
    assert status == 0, err


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    with psycopg.connect(url, application_name="somebody else") as connection:
        connection.execute(f"LOCK TABLE convoy.{table}".encode())
        yield


@pytest.mark.parametrize("words", [("migrate", "--source", "shop.db"), ("resume", "{run}")])
def test_a_lock_that_is_waited_for_is_named_and_the_command_can_be_ended(
    shell: Shell, words: tuple[str, ...]
) -> None:
    assert shell.run("migrate", "--source", "shop.db")[0] == 0
    ((run,),) = shell.query("SELECT id::text FROM convoy.runs")
    shell.execute("UPDATE convoy.runs SET phase = 'failed', resume_phase = 'copying'")
    with locked(shell.target, "events"):
        process = shell.start(*(word.format(run=run) for word in words))
        told(process, "Waiting for a lock that is held by process")
        status, _, err = ended(process, signal.SIGTERM)
        assert status == 130, err
        assert "Interrupted" in err


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    with ExitStack() as stack:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stack.callback(os.kill, pid, signal.SIGCONT)
        yield


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)])
def test_a_server_that_takes_no_cancelling_does_not_keep_a_command(
    shell: Shell, numbers: tuple[signal.Signals, ...]
) -> None:
    # Given a command that waits in a session whose process does nothing at all
    assert shell.run("status")[0] == 0
    with locked(shell.target, "runs"):
        process = shell.start("status")
        told(process, "Waiting for a lock")
        sessions = f"SELECT pid FROM pg_stat_activity WHERE application_name = 'convoy cli {process.pid}'"
        with frozen([pid for (pid,) in shell.query(sessions)]):
            # When it is to end
            status, _, err = ended(process, *numbers)
    # Then it ends
    assert status == 130, err
    assert "Interrupted." in err


def test_the_doctor_tells_of_a_standby_that_is_gone(shell: Shell) -> None:
    assert shell.run("status")[0] == 0
    with lost_standby(shell.target):
        status, out, _ = shell.run("doctor")
    assert status == 2, out
    assert "✘ commits: synchronous_standby_names = 'nobody', and no synchronous standby is attached" in out
    assert "ALTER SYSTEM SET synchronous_standby_names = ''" in out


def test_the_doctor_says_where_the_role_may_not_see_the_standbys(shell: Shell) -> None:
    assert shell.run("status")[0] == 0
    shell.execute(
        "CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA convoy TO plain;"
        "GRANT ALL ON ALL TABLES IN SCHEMA convoy TO plain"
    )
    shell.environment["MIGRATION_TARGET_URL"] = shell.target.replace("postgres@", "plain@", 1)
    # What a standby connects by: that there is one is seen by every role, and which it is by few
    with lost_standby(shell.target), closing(psycopg.connect(f"{shell.target}&replication=true")):
        _, out, _ = shell.run("doctor")
    assert "! commits: synchronous_standby_names = 'nobody', and the role plain may not see whether" in out
    assert "pg_read_all_stats" in out
