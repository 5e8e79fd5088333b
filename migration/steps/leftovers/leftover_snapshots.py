"""Snapshots and unfinished copies of sources: who needs them, and their removal.

Who needs a snapshot is decided where the watchdog decides it (migration/source/snapshots/snapshot_retention.py).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from migration.errors import SnapshotError
from migration.ledger.snapshot_uses import read_uses
from migration.source.snapshots.snapshot_retention import (
    UNFINISHED_SECONDS,
    Judgement,
    drop_files,
    judge,
    list_snapshots,
    locked_folder,
    unfinished_copies,
)
from migration.steps.leftovers.leftover_record import Leftover, LeftoverKind, bytes_below
from migration.target.cutover.cutover_lock_timeout import LOCK_TIMEOUT

_LOCK = text("SELECT id FROM convoy.runs WHERE CAST(id AS text) = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")


class LeftoverSnapshots:
    """The folder of snapshots, as the runs of a ledger have left it; other ledgers may share it."""

    def __init__(self, engine: Engine, folder: Path, retention_hours: float) -> None:
        self._engine = engine
        self._folder = folder
        self._retention_hours = retention_hours

    def find(self) -> list[Leftover]:
        """Return every snapshot, and the copies that killed processes have left."""
        found = []
        with self._engine.begin() as connection:
            on_shelf = list_snapshots(self._folder)
            for sha256, judgement in self._judged(connection, on_shelf).items():
                path = self._path(sha256)
                is_needed, reason = self._words(path, judgement)
                found.append(Leftover(LeftoverKind.SNAPSHOT, str(path), bytes_below(path), is_needed, reason))
        reason = "its process was killed: nothing was written on it for a day"
        return found + [
            Leftover(LeftoverKind.UNFINISHED_COPY, str(path), bytes_below(path), False, reason)
            for path in unfinished_copies(self._folder)
        ]

    def remove(self, leftover: Leftover) -> list[str]:
        """Remove a snapshot with its notes, or an unfinished copy.

        Raises:
            SnapshotError: the folder cannot be changed.
        """
        path = Path(leftover.name)
        try:
            if leftover.kind is LeftoverKind.UNFINISHED_COPY:
                if path in unfinished_copies(self._folder):
                    shutil.rmtree(path)
                return ["something was written on it by now"] if path.exists() else []
            return self._remove_snapshot(path)
        except OSError as error:
            raise SnapshotError(
                f"It cannot be removed: {error.strerror}",
                file=str(path),
                remedy="Look at the rights of its folder",
            ) from error

    def _remove_snapshot(self, path: Path) -> list[str]:
        sha256 = path.stem
        # Nobody notes a use while the folder is locked, and nobody moves a run while its row is.
        with locked_folder(self._folder), self._engine.begin() as connection:
            noted = list_snapshots(self._folder).get(sha256, frozenset())
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(_LOCK, {"ids": sorted(self._judged(connection, {sha256: noted})[sha256].over)})
            is_needed, reason = self._words(path, self._judged(connection, {sha256: noted})[sha256])
            if is_needed:
                return [f"it is needed by now: {reason}"]
            for run_id in noted:
                (self._folder / f"{sha256}.needed-by-{run_id}").unlink(missing_ok=True)
            drop_files(self._folder, sha256)
        return []

    def _judged(self, connection: Connection, on_shelf: dict[str, frozenset[str]]) -> dict[str, Judgement]:
        noted = {run_id for run_ids in on_shelf.values() for run_id in run_ids}
        uses, users = read_uses(connection, on_shelf, noted)
        seconds = self._retention_hours * 3600
        return {
            sha256: judge(notes, users.get(sha256, ()), uses, seconds) for sha256, notes in on_shelf.items()
        }

    def _words(self, path: Path, judgement: Judgement) -> tuple[bool, str]:
        """Return whether a snapshot is needed, and by whom, or why not."""
        is_there = judgement.is_unknown and path.exists()
        if is_there and time.time() - path.stat().st_mtime < UNFINISHED_SECONDS:
            return True, "no run has a note at it yet, and it is younger than a day"
        return judgement_words(judgement, self._retention_hours)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.sqlite"


def judgement_words(judgement: Judgement, retention_hours: float) -> tuple[bool, str]:
    """Return whether a snapshot is needed, and by whom, or why not."""
    if judgement.others:
        return True, (
            f"has a note of {_runs(judgement.others)}, which this ledger does not know, but that of another target or"
            " cluster on this folder may"
        )
    if judgement.needing:
        return True, f"needed by {_runs(judgement.needing)}, or for {retention_hours:g} h after their end"
    if judgement.is_free:
        return False, f"{_runs(judgement.over)} need it no more"
    return False, "no run of this ledger has read it, and none has a note at it"


def _runs(ids: Collection[str]) -> str:
    return f"{'run' if len(ids) == 1 else 'runs'} {', '.join(sorted(ids))}"
