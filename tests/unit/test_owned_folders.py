"""What a process makes for itself goes with it, or with the next one; what a living one has in hand stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from migration.owned_folders import OWNER, Ownership, clear_abandoned, owned_folder, ownership
from migration.source.snapshots.snapshot_retention import unfinished_copies

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from migration.owned_folders import owned_folder
with owned_folder(Path(sys.argv[1]), ".incoming-") as folder:
    (folder / "half.sqlite").write_bytes(b"half")
    print(folder, flush=True)
    time.sleep(600)
"""


def holder(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_folder_of_a_killed_process_goes_at_the_next_start(tmp_path: Path) -> None:
    process, folder = holder(tmp_path)
    assert ownership(folder) is Ownership.ALIVE
    end(process)
    assert ownership(folder) is Ownership.DEAD
    assert unfinished_copies(tmp_path) == [folder]

    with owned_folder(tmp_path, ".incoming-") as own:
        assert not folder.exists()
        assert own.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_living_process_keeps_its_folder_however_old_and_silent_it_is(
    tmp_path: Path, is_stopped: bool
) -> None:
    process, folder = holder(tmp_path)
    try:
        if is_stopped:
            process.send_signal(signal.SIGSTOP)
        long_ago = time.time() - 10 * 86_400
        for path in (folder / "half.sqlite", folder / OWNER, folder):
            os.utime(path, (long_ago, long_ago))
        assert clear_abandoned(tmp_path, ".incoming-") == 0
        assert unfinished_copies(tmp_path) == []
        with owned_folder(tmp_path, ".incoming-"):
            assert (folder / "half.sqlite").exists()
    finally:
        end(process)


def test_the_folder_of_another_host_is_told_by_its_age_alone(tmp_path: Path) -> None:
    folder = tmp_path / ".incoming-elsewhere"
    folder.mkdir()
    (folder / OWNER).write_text("another.host")
    assert (ownership(folder), clear_abandoned(tmp_path, ".incoming-")) == (Ownership.UNKNOWN, 0)
    assert unfinished_copies(tmp_path) == []

    long_ago = time.time() - 2 * 86_400
    for path in (folder / OWNER, folder):
        os.utime(path, (long_ago, long_ago))
    assert unfinished_copies(tmp_path) == [folder]


def test_links_and_folders_of_nobody_are_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNER).write_text(socket.gethostname())
    (tmp_path / ".incoming-link").symlink_to(elsewhere)
    (tmp_path / ".incoming-old").mkdir()

    assert clear_abandoned(tmp_path, ".incoming-") == 0
    assert (elsewhere / OWNER).exists()
    assert (tmp_path / ".incoming-old").exists()
