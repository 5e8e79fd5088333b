"""A command that is killed on its way from the shell to its end: nothing is left of it, wherever it was."""

from __future__ import annotations

import contextlib
import subprocess
import uuid
from pathlib import Path

import psutil
import pytest

from tests.support.shell import Shell, make_database, wait_until

MARK = "CONVOY_TEST_MARK"


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that have a mark in the environment that they were started with."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


# Of a machine at rest: before and after the fork server, the servers, the forks, the run's phases, its report.
@pytest.mark.parametrize("after_seconds", [0.05, 0.1, 0.2, 0.4, 0.6, 0.9, 1.2, 1.6, 2.0, 2.4])
def test_command_killed_at_any_instant_leaves_no_process(
    tmp_path: Path, target_url: str, monkeypatch: pytest.MonkeyPatch, after_seconds: float
) -> None:
    # Given a command whose processes are told by what they inherit
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    shell = Shell(tmp_path, target_url)
    make_database(shell.folder / "shop.db", rows=30)
    process = shell.start("migrate", "--source", "shop.db")

    # When it is killed, wherever it is by then
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_seconds)
    process.kill()
    process.communicate()

    # Then nothing is left of it, and the source can be migrated
    assert wait_until(lambda: not marked(mark))
    status, _, err = shell.run("migrate", "--source", "shop.db", "--if-exists", "replace")
    assert status == 0, err
