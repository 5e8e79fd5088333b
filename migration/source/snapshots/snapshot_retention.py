"""The folder of snapshots: who needs which, and what can go.

Several ledgers may share the folder, and equal sources share a snapshot. So a run lays a note beside each snapshot
that it reads, and a snapshot goes only when no note is left: a ledger takes away notes of its own runs, and no others.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from migration.model import Phase
from migration.owned_folders import Ownership, ownership

_SNAPSHOT = re.compile(r"([0-9a-f]{64})\.sqlite")
_NOTE = re.compile(r"([0-9a-f]{64})\.needed-by-([0-9a-f-]{36})")
_PRIVATE = (".incoming-*", ".look-*", ".validating-*")
"""Folders in which a process makes a snapshot, or looks at one that no run will need (migration/owned_folders.py)."""
FETCHED_SUFFIX = ".fetched"
"""What lies beside a snapshot that came from the stage (snapshot_cache.py)."""
PART_SUFFIX = ".part"
"""What has come of a snapshot so far."""
USE_SUFFIX = ".use"
"""Locked by whoever reads, awaits or evicts a snapshot that came from the stage."""
FETCH_SUFFIX = ".fetch"
"""Locked by the one that fetches a snapshot from the stage."""
UNFINISHED_SECONDS = 24 * 3600.0
"""A copy on which nothing was written for so long was left by a process that was killed, where no lock tells that."""
_WITH_RETRY = (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)


@dataclass(frozen=True, slots=True)
class Use:
    """What a ledger says of a run that reads, or has read, a snapshot. `ended_seconds` is how long ago it ended."""

    phase: Phase
    ended_seconds: float
    has_quarantine: bool
    is_purged: bool = False
    """Somebody has given up what it had kept."""
    is_given_up: bool = False
    """It failed, and somebody has said that it is not to go on."""


def is_needed(use: Use, retention_seconds: float) -> bool:
    """Return whether a run needs its snapshots: to go on, to be resumed, or for a retry of its quarantined rows."""
    if not use.phase.is_end or (use.phase.can_go_on and not use.is_given_up):
        return True
    if use.is_purged:
        return False
    if use.phase in _WITH_RETRY and use.has_quarantine:
        return True
    return use.ended_seconds < retention_seconds


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who has to do with a snapshot: ids of runs of this ledger that need it no more, or need it, and of other runs."""

    over: frozenset[str]
    needing: frozenset[str]
    others: frozenset[str]
    """Have a note at it, and this ledger does not know them: another one does."""

    @property
    def is_free(self) -> bool:
        """Whether runs have read it, and none needs it."""
        return bool(self.over) and not self.needing and not self.others

    @property
    def is_unknown(self) -> bool:
        """Whether no run has to do with it: its process was killed before the note, or takes it at this moment."""
        return not (self.over or self.needing or self.others)


def judge(
    noted: Collection[str], readers: Collection[str], uses: Mapping[str, Use], retention_seconds: float
) -> Judgement:
    """Return who needs a snapshot.

    Args:
        noted: ids of the runs that have a note at it.
        readers: ids of the runs that have read it, by this ledger.
        uses: id → use, of each of these runs that this ledger knows.
        retention_seconds: how long a snapshot stays after the end of the last run.
    """
    own = {run_id for run_id in (*noted, *readers) if run_id in uses}
    needing = {run_id for run_id in own if is_needed(uses[run_id], retention_seconds)}
    return Judgement(frozenset(own - needing), frozenset(needing), frozenset(noted) - own)


def note_use(snapshot: Path, run_id: str) -> bool:
    """Note that a run needs a snapshot; False where the snapshot has gone meanwhile and must be taken again."""
    with locked_folder(snapshot.parent):
        if not snapshot.exists():
            return False
        (snapshot.parent / f"{snapshot.stem}.needed-by-{run_id}").touch()
        return True


def list_snapshots(folder: Path) -> dict[str, frozenset[str]]:
    """Return the SHA-256 of every snapshot in a folder, and the ids of the runs that have a note at it."""
    notes: dict[str, set[str]] = {}
    for name in [path.name for path in folder.iterdir()] if folder.is_dir() else []:
        if found := _SNAPSHOT.fullmatch(name):
            notes.setdefault(found[1], set())
        elif found := _NOTE.fullmatch(name):
            notes.setdefault(found[1], set()).add(found[2])
    return {sha256: frozenset(runs) for sha256, runs in notes.items()}


def clear(
    folder: Path, uses: Mapping[str, Use], users: Mapping[str, Sequence[str]], retention_seconds: float
) -> int:
    """Remove the notes of runs that need their snapshots no more, and the snapshots that nobody needs then.

    Args:
        folder: of the snapshots.
        uses: id → use, of every run of this ledger that has a note here or has read one of these snapshots.
        users: SHA-256 → ids of the runs that have read the snapshot, by this ledger. Others are left alone.
        retention_seconds: how long a snapshot stays after the end of the last run.

    Returns:
        The number of snapshots that were removed.
    """
    removed = 0
    with locked_folder(folder):
        for sha256, noted in list_snapshots(folder).items():
            judgement = judge(noted, users.get(sha256, ()), uses, retention_seconds)
            for run_id in judgement.over & noted:
                (folder / f"{sha256}.needed-by-{run_id}").unlink(missing_ok=True)
            if judgement.is_free:
                drop_files(folder, sha256)
                removed += 1
    for unfinished in unfinished_copies(folder):
        shutil.rmtree(unfinished, ignore_errors=True)
    return removed


def unfinished_copies(folder: Path) -> list[Path]:
    """Return the folders that killed processes have left beside the snapshots, sorted."""
    found = [path for pattern in _PRIVATE for path in folder.glob(pattern)]
    return sorted(path for path in found if _is_abandoned(path))


def _is_abandoned(folder: Path) -> bool:
    owner = ownership(folder)
    if owner is Ownership.UNKNOWN:
        return time.time() - _last_written(folder) > UNFINISHED_SECONDS
    return owner is Ownership.DEAD


def drop_files(folder: Path, sha256: str) -> None:
    """Remove a snapshot from a folder whose lock the caller holds, with all that is kept beside it but notes."""
    for suffix in (".sqlite", FETCHED_SUFFIX, PART_SUFFIX, USE_SUFFIX, FETCH_SUFFIX):
        (folder / f"{sha256}{suffix}").unlink(missing_ok=True)


def _last_written(folder: Path) -> float:
    times = [time.time() - UNFINISHED_SECONDS * 2]
    for path in (folder, *folder.glob("*")):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder: between a look at the notes and what follows from it nothing may change."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
