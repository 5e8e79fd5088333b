"""Sources that did not fit onto the disk of the snapshots: not copied again before there is room.

The watchdog tries a waiting run again at each of its looks. A copy of half a disk at each of them would keep that disk
busy and full, so what it will need is asked for first; but only once a copy has failed, because a file system that can
share blocks (XFS, Btrfs) needs none.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migration.errors import SnapshotError
from migration.full_disk import is_full
from migration.full_disk_errors import SnapshotDiskFullError
from migration.report.text_formatting import size
from migration.source.integrity_check import SAMPLE_BYTES
from migration.source.regular_file import open_regular
from migration.source.source_path import local_path, without_credentials
from migration.source.unpacking.source_formats import SourceFormat, look

if TYPE_CHECKING:
    from migration.convoy_error import Place
    from migration.model import Source

_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Shortage:
    """A copy that did not fit. `again_at` is 0 where the free bytes tell when it will."""

    tries: int
    again_at: float


class SnapshotRoom:
    """What did not fit when it was last tried, by run and source. Methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._short: dict[tuple[str, str], _Shortage] = {}

    @contextmanager
    def wanted(self, run_id: str, source: Source, folder: Path) -> Iterator[None]:
        """Freeze a source in the block, if it may fit.

        Raises:
            SnapshotDiskFullError: it does not fit now.
            SnapshotError: it fits on no disk of this size.
        """
        key = (run_id, source.label)
        needed = _needed_bytes(source)
        with self._lock:
            short = self._short.get(key)
        if short is not None and (
            time.monotonic() < short.again_at or (needed is not None and _free_bytes(folder) < needed)
        ):
            raise _full(source, folder, needed)
        try:
            yield
        except Exception as error:
            if not is_full(error):
                raise
            self._note(key, needed, folder)
            raise _full(source, folder, needed) from error
        with self._lock:
            self._short.pop(key, None)

    def _note(self, key: tuple[str, str], needed: int | None, folder: Path) -> None:
        with self._lock:
            tries = self._short[key].tries + 1 if key in self._short else 1
            again_at = 0.0
            if needed is None or _free_bytes(folder) >= needed:  # a quota, or others who write there, too
                again_at = time.monotonic() + min(2.0**tries, _LONGEST_PAUSE_SECONDS)
            self._short[key] = _Shortage(tries, again_at)


def _full(source: Source, folder: Path, needed: int | None) -> SnapshotError | SnapshotDiskFullError:
    place: Place = {"source": source.label, "file": str(folder)}
    location = without_credentials(source.location)
    how_much = "" if needed is None else f", which needs {size(needed)}"
    if needed is not None and needed > _all_bytes(folder):
        return SnapshotError(
            f"The disk of the folder for snapshots is smaller than {location}{how_much}",
            remedy="Name a folder on a larger disk in MIGRATION_SNAPSHOT_DIR",
            **place,
        )
    return SnapshotDiskFullError(
        f"The disk of the folder for snapshots has no room for {location}{how_much}",
        remedy="Make room there, and the run goes on by itself; or cancel it, and name another folder in"
        " MIGRATION_SNAPSHOT_DIR",
        **place,
    )


def _needed_bytes(source: Source) -> int | None:
    """Return the size of a source's files; None for one that is elsewhere, a dump or compressed, or cannot be asked."""
    path = local_path(source.location)
    if path is None:
        return None
    try:
        original = Path(path).expanduser().resolve()
        with open_regular(original) as file:
            kind = look(file.read(SAMPLE_BYTES))
        if kind is not None and kind is not SourceFormat.DATABASE:
            return None
        files = [original, *(original.with_name(original.name + end) for end in ("-wal", "-journal"))]
        return sum(file.stat().st_size for file in files if file.exists())
    except (OSError, RuntimeError):
        return None


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _all_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize
