"""A run that Convoy 0.1.0 has begun, its ledger upgraded and the run finished by this version; and who stays away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migration.ledger.ledger_database import newest_revision
from tests.acceptance.upgrade.ledger_of_0_1_0 import ROWS, leave_run_of_0_1_0
from tests.support.shell import Shell, wait_until

PROJECT = Path(__file__).resolve().parents[3]
DONE = "SELECT id, attempts, finished_at FROM convoy.chunks WHERE state = 'done' ORDER BY id"


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    return Shell(tmp_path, target_url)


@pytest.fixture
def run(shell: Shell) -> str:
    return leave_run_of_0_1_0(shell.folder, shell.target)


def revisions(shell: Shell) -> list[tuple[str]]:
    return shell.query("SELECT version_num FROM convoy.alembic_version")


@contextmanager
def process(shell: Shell, module: str, queue: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A worker or producer as the Procfile starts it; yields it and its log."""
    log = shell.folder / f"{queue}.log"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        module,
        "worker",
        "-Q",
        queue,
        "-c",
        "1",
        "--loglevel",
        "INFO",
    ]
    with log.open("wb") as output:
        started = subprocess.Popen(
            [*command, "-n", f"{queue}@here"],
            cwd=shell.folder,
            env={**shell.environment, "PYTHONPATH": str(PROJECT)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield started, log
    finally:
        started.terminate()
        started.wait(60)


def says(log: Path, words: str) -> bool:
    return wait_until(lambda: words in log.read_text(errors="replace"))


def test_the_doctor_says_that_the_ledger_is_older_and_changes_nothing(shell: Shell, run: str) -> None:
    status, out, _ = shell.run("doctor", "--json")

    (check,) = (check for check in json.loads(out)["checks"] if check["name"] == "ledger")
    assert (status, check["health"]) == (1, "warning")
    assert check["found"].startswith("version 0009 (Convoy 0.1.0), older than this Convoy")
    assert check["command"].startswith("pg_dump -Fc -n 'convoy*'")
    assert revisions(shell) == [("0009",)]
    assert shell.query(f"SELECT phase FROM convoy.runs WHERE id = '{run}'") == [("copying",)]


def test_a_run_of_the_version_before_is_finished_and_proved(shell: Shell, run: str) -> None:
    done = shell.query(DONE)
    assert done

    status, _, err = shell.run("status")
    assert status == 0
    assert f"was of version 0009 (Convoy 0.1.0) and is of {newest_revision()} now" in err
    assert revisions(shell) == [(newest_revision(),)]

    status, out, err = shell.run("resume", run)
    assert (status, "Proved" in out) == (0, True), err
    assert shell.query("SELECT count(*), count(DISTINCT id) FROM shop.book") == [(ROWS, ROWS)]
    assert set(done) <= set(shell.query(DONE)), "a chunk that was done is copied again"

    status, out, err = shell.run("rollback", run)
    assert status == 0, err
    assert shell.query("SELECT to_regclass('shop.book')") == [(None,)]


def test_a_worker_that_starts_before_the_upgrade_waits_for_it(
    shell: Shell, run: str, valkey_url: str
) -> None:
    shell.environment["MIGRATION_BROKER_URL"] = f"{valkey_url.removesuffix('/0')}/9"
    with process(shell, "worker.app", "copy") as (worker, log):
        assert says(log, "takes no message until a producer of its version has started"), log.read_text()
        assert (worker.poll(), revisions(shell)) == (None, [("0009",)])
        assert shell.query(f"SELECT phase FROM convoy.runs WHERE id = '{run}'") == [("copying",)]

        assert shell.run("status")[0] == 0
        assert says(log, "copy@here ready"), log.read_text()


@pytest.mark.parametrize(("module", "queue"), [("worker.app", "copy"), ("producer.app", "control")])
def test_processes_stay_away_from_a_ledger_of_a_newer_version(
    shell: Shell, valkey_url: str, module: str, queue: str
) -> None:
    assert shell.run("status")[0] == 0
    shell.execute("UPDATE convoy.alembic_version SET version_num = '9999'")
    shell.environment["MIGRATION_BROKER_URL"] = f"{valkey_url.removesuffix('/0')}/8"

    with process(shell, module, queue) as (started, log):
        assert started.wait(60) == 2
        said = log.read_text(errors="replace")
        assert "is of version 9999, and this Convoy" in said
        assert "Install the newer Convoy here, too" in said
        assert "Traceback" not in said
    assert revisions(shell) == [("9999",)]
