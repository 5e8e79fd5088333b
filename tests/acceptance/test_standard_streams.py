"""What becomes of the output of a command says nothing of its run: the status is the run's, closed, full or unread."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.shell import CLI, Shell, make_database

STREAMS = {
    "reader that goes": "| true",
    "reader of one line": "| head -1",
    "stdout closed": ">&-",
    "stdout full": ">/dev/full",
    "stderr closed": "2>&-",
    "stderr full": "2>/dev/full",
    "both closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
}


def run(shell: Shell, words: list[str], streams: str) -> int:
    command = f"{shlex.join([*CLI, *words])} {streams}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=shell.folder,
        env=shell.environment,
        check=False,
        capture_output=True,
        timeout=120,
    ).returncode


@pytest.mark.parametrize("streams", STREAMS)
def test_run_is_done_and_its_status_its_own(postgres_url: str, tmp_path: Path, streams: str) -> None:
    shell = Shell(tmp_path, postgres_url)
    source = make_database(tmp_path / "shop.db")
    schema = f"streams_{list(STREAMS).index(streams)}"
    words = ["migrate", "--source", str(source), "--target-schema", schema, "--workers", "1"]
    assert run(shell, words, STREAMS[streams]) == 0
    validate = ["validate", "--source", str(source), "--target-schema", schema]
    assert shell.run(*validate)[0] == 0
    shell.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("streams", STREAMS)
def test_command_that_only_tells_fails_where_that_is_lost(tmp_path: Path, streams: str) -> None:
    shell = Shell(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    assert run(shell, ["config"], STREAMS[streams]) == (3 if streams == "stdout full" else 0)
    assert run(shell, ["--help"], STREAMS[streams]) == (3 if streams == "stdout full" else 0)
    assert run(shell, ["config", "--nonsense"], STREAMS[streams]) == 2
