"""What a terminal cannot show is no failure of a run that is proved."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.shell import CLI, Shell, make_database


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_encoding_of_the_terminal_does_not_change_the_status(
    tmp_path: Path, target_url: str, encoding: str
) -> None:
    shell = Shell(tmp_path, target_url)
    make_database(shell.folder / "shop.db")
    process = subprocess.run(
        [*CLI, "migrate", "--source", "shop.db"],
        cwd=shell.folder,
        env=shell.environment | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert rb"\u2714 Proved" in process.stdout
