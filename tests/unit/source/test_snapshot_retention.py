"""Snapshots go when nobody needs them, and never before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from migration.model import Phase
from migration.source.snapshots.snapshot_retention import Use, clear, is_needed, list_snapshots, note_use

DAY = 24 * 3600.0
SHA = "a" * 64
OURS = "01934f6e-0000-7000-8000-000000000001"
ALSO_OURS = "01934f6e-0000-7000-8000-000000000002"
THEIRS = "01934f6e-0000-7000-8000-000000000003"
OVER = Use(Phase.COMPLETED, 2 * DAY, has_quarantine=False)
AT_WORK = Use(Phase.COPYING, 0, has_quarantine=False)


@pytest.mark.parametrize(
    ("phase", "ended_seconds", "has_quarantine", "needed"),
    [
        (Phase.PENDING, 0, False, True),
        (Phase.COPYING, 9 * DAY, False, True),
        (Phase.CUTTING_OVER, 9 * DAY, True, True),
        (Phase.FAILED, 9 * DAY, False, True),  # resume
        (Phase.COMPLETED, 2 * DAY, False, False),
        (Phase.COMPLETED, DAY / 2, False, True),  # younger than the retention
        (Phase.COMPLETED_WITH_FINDINGS, 2 * DAY, False, False),
        (Phase.COMPLETED_WITH_FINDINGS, 9 * DAY, True, True),  # quarantine retry
        (Phase.CANCELLED, 2 * DAY, True, False),
        (Phase.CANCELLED, DAY / 2, False, True),
        (Phase.ROLLED_BACK, 2 * DAY, True, False),
    ],
)
def test_what_needs_a_snapshot(
    phase: Phase, ended_seconds: float, has_quarantine: bool, needed: bool
) -> None:
    assert is_needed(Use(phase, ended_seconds, has_quarantine), DAY) is needed


def test_without_retention_a_snapshot_goes_as_soon_as_its_run_has_ended() -> None:
    assert not is_needed(Use(Phase.COMPLETED, 0, has_quarantine=False), 0)
    assert is_needed(Use(Phase.COMPLETED, 0, has_quarantine=True), 0)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / f"{SHA}.sqlite"
    path.touch(mode=0o444)
    return path


@pytest.mark.parametrize(
    ("noted", "uses", "users", "stays", "notes_left"),
    [
        ([OURS], {OURS: OVER}, [OURS], False, []),
        ([OURS], {OURS: AT_WORK}, [OURS], True, [OURS]),
        ([OURS, ALSO_OURS], {OURS: OVER, ALSO_OURS: AT_WORK}, [OURS, ALSO_OURS], True, [ALSO_OURS]),
        ([OURS, THEIRS], {OURS: OVER}, [OURS], True, [THEIRS]),  # another ledger's run
        ([THEIRS], {}, [], True, [THEIRS]),
        ([], {}, [], True, []),  # not of this ledger
        ([], {OURS: OVER}, [OURS], False, []),  # its note was lost
        ([], {OURS: AT_WORK}, [OURS], True, []),
        ([OURS], {OURS: AT_WORK}, [], True, [OURS]),  # noted, and not yet in the ledger
        ([OURS], {OURS: OVER}, [], False, []),  # noted, and then the source had changed
    ],
)
def test_who_must_be_done_with_a_snapshot(
    snapshot: Path,
    noted: list[str],
    uses: dict[str, Use],
    users: list[str],
    stays: bool,
    notes_left: list[str],
) -> None:
    for run_id in noted:
        assert note_use(snapshot, run_id)
    removed = clear(snapshot.parent, uses, {SHA: users}, DAY)
    assert (snapshot.exists(), removed) == (stays, 0 if stays else 1)
    assert sorted(list_snapshots(snapshot.parent).get(SHA, ())) == notes_left


def test_note_at_a_snapshot_that_is_gone_says_so(tmp_path: Path) -> None:
    assert not note_use(tmp_path / f"{SHA}.sqlite", OURS)
    assert list_snapshots(tmp_path) == {}


def test_copies_of_killed_processes_go_and_those_in_the_making_stay(tmp_path: Path) -> None:
    for name, age in (("killed", 2 * DAY), ("large", 2 * DAY), ("new", 0)):
        folder = tmp_path / f".incoming-{name}"
        folder.mkdir()
        (folder / "copy.db").touch()
        os.utime(folder, (time.time() - age,) * 2)
        if name != "large":  # still being written to
            os.utime(folder / "copy.db", (time.time() - age,) * 2)
    (tmp_path / "mine.txt").touch()
    clear(tmp_path, {}, {}, DAY)
    assert {path.name for path in tmp_path.iterdir()} == {
        ".incoming-large",
        ".incoming-new",
        ".lock",
        "mine.txt",
    }


def test_no_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert list_snapshots(tmp_path / "none") == {}
