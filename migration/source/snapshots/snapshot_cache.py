"""This host's copies of snapshots from the stage: fetched once for all its processes, and evicted when room is short.

Beside each copy `HASH.sqlite` lie `HASH.fetched`, which says how the file looked when its hash was checked and, by its
time, when it was last used; while it comes, `HASH.part`; `HASH.use`, a lock that its readers share, those that wait for
it too; and `HASH.fetch`, which the one that fetches holds alone. Readers keep theirs for as long as a run lasts, so
nobody who is to read ever waits for them: only who evicts needs `HASH.use` alone. Whatever has no `HASH.fetched` was
frozen here and is never evicted, nor is what a run of a producer on this host has a note at.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from migration.errors import SnapshotFetchError, StageUnreachableError
from migration.file_lock import FileLock
from migration.full_disk import is_full
from migration.full_disk_errors import SnapshotDiskFullError
from migration.source.snapshots.snapshot_mode import OWNER_ONLY
from migration.source.snapshots.snapshot_retention import (
    FETCH_SUFFIX,
    FETCHED_SUFFIX,
    PART_SUFFIX,
    USE_SUFFIX,
    drop_files,
    locked_folder,
)

if TYPE_CHECKING:
    from migration.convoy_error import ConvoyError
    from migration.source.snapshots.snapshot_stage import SnapshotStage

logger = logging.getLogger(__name__)

_MAKE_ROOM: Final = "Make room there, or set MIGRATION_SNAPSHOT_DIR to a larger disk of that host"
_SPARE_BYTES: Final = 64 << 20
"""Room that is left on the disk."""
_PART_MODE: Final = 0o600
_TRIES: Final = 2
_PAUSE_SECONDS: Final = 1.0
_REST_SECONDS: Final = 15.0
"""After a failure nobody of this host tries for so long: a try may take a minute, in which it holds a step that hosts
which reach the stage could do."""


@dataclass(frozen=True, slots=True)
class HeldSnapshot:
    """A copy that stays on this host until `lock` is released or the process dies."""

    path: Path
    lock: FileLock


class SnapshotCache:
    """The copies in `folder`, which together take at most `most_bytes`, as long as nobody reads more at once."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def is_copy(self, sha256: str) -> bool:
        """Return whether a snapshot in the folder came from the stage."""
        return self._beside(sha256, FETCHED_SUFFIX).exists()

    def hold(self, sha256: str, snapshot_bytes: int, stage: SnapshotStage) -> HeldSnapshot:
        """Return a snapshot that is in the folder, fetched now if need be; its bytes are those that were frozen.

        Of several processes one fetches, and the others wait. A copy whose size or time has changed is hashed again.

        Raises:
            FileNotFoundError: the stage does not have it.
            StageUnreachableError: the stage does not answer; what has come is kept for the next try.
            SnapshotFetchError: what came is not what was frozen, or cannot be kept here.
            SnapshotDiskFullError: there is no room for it on this host.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._beside(sha256, USE_SUFFIX))
            lock.share()
        except OSError as error:
            raise self._not_kept(error) from error
        try:
            if not self._is_known(sha256):
                self._fetch_once(sha256, snapshot_bytes, stage)
            self._beside(sha256, FETCHED_SUFFIX).touch()
        except BaseException:
            lock.release()
            raise
        return HeldSnapshot(self._beside(sha256, ".sqlite"), lock)

    def make_room(self, wanted_bytes: int) -> None:
        """Evict copies that nobody reads, those first that were not used for longest, until that much fits.

        A file that is open stays readable on Linux though its name is gone, but SQLite opens files late and anew; so
        the lock that readers share is what keeps a copy.
        """
        with locked_folder(self._folder):
            entries = sorted(self._evictable())
            total = sum(entry_bytes for _, entry_bytes, _ in entries)
            for _, entry_bytes, sha256 in entries:
                free_bytes = shutil.disk_usage(self._folder).free
                if total + wanted_bytes <= self._most_bytes and free_bytes >= wanted_bytes + _SPARE_BYTES:
                    return
                lock = FileLock(self._beside(sha256, USE_SUFFIX))
                if lock.try_own():
                    drop_files(self._folder, sha256)
                    total -= entry_bytes
                    lock.release()
                    logger.info("Evicted the snapshot %s, %d bytes", sha256[:12], entry_bytes)
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes < wanted_bytes + _SPARE_BYTES:
            raise SnapshotDiskFullError(
                f"A snapshot does not fit on host {socket.gethostname()}: {wanted_bytes:,} bytes are to come"
                f" and {free_bytes:,} are free",
                file=str(self._folder),
                remedy=_MAKE_ROOM,
            )

    def _evictable(self) -> list[tuple[float, int, str]]:
        """Return time of last use, bytes and hash of every copy, and of what is left of a fetch that broke off."""
        noted = {path.name.partition(".")[0] for path in self._folder.glob("*.needed-by-*")}
        found = []
        for mark in (*self._folder.glob(f"*{FETCHED_SUFFIX}"), *self._folder.glob(f"*{PART_SUFFIX}")):
            sha256 = mark.name.partition(".")[0]
            kept = mark if mark.suffix == PART_SUFFIX else self._beside(sha256, ".sqlite")
            if sha256 not in noted:
                try:
                    found.append((mark.stat().st_mtime, kept.stat().st_size, sha256))
                except FileNotFoundError:  # one that has just come, or gone
                    continue
        return found

    def _beside(self, sha256: str, suffix: str) -> Path:
        return self._folder / f"{sha256}{suffix}"

    def _is_known(self, sha256: str) -> bool:
        """Tell whether the copy is the file whose hash was checked: the same one, of the same size and time."""
        try:
            seen = json.loads(self._beside(sha256, FETCHED_SUFFIX).read_text(encoding="ascii"))
            return bool(seen == _look(self._beside(sha256, ".sqlite")))
        except (OSError, ValueError):
            return False

    def _is_as_frozen(self, sha256: str) -> bool:
        """Hash a copy that is not known, and know it from now on where nothing has changed."""
        path = self._beside(sha256, ".sqlite")
        try:
            if _hash(path) != sha256:
                logger.warning(
                    "The copy of snapshot %s has changed on this host: it is fetched anew", sha256[:12]
                )
                return False
        except FileNotFoundError:
            return False
        self._know(sha256, path)
        return True

    def _know(self, sha256: str, path: Path) -> None:
        self._beside(sha256, FETCHED_SUFFIX).write_text(json.dumps(_look(path)), encoding="ascii")

    def _fetch_once(self, sha256: str, snapshot_bytes: int, stage: SnapshotStage) -> None:
        """Fetch a snapshot, or wait until another process of this host has: then know what came."""
        begun = time.monotonic_ns() - int(_REST_SECONDS * 1e9)
        alone = FileLock(self._beside(sha256, FETCH_SUFFIX))
        try:
            alone.own()
        except OSError as error:
            raise self._not_kept(error) from error
        try:
            if self._is_known(sha256) or self._is_as_frozen(sha256):
                return
            failure = alone.failure_since(begun)
            if failure is not None:
                what, _, remedy = failure.partition("\n")
                raise StageUnreachableError(
                    what,
                    file=stage.locate(sha256),
                    remedy=remedy,
                    details="Another process of that host found so just now, and it is tried again soon",
                )
            try:
                self._fetch_whole(sha256, snapshot_bytes, stage)
            except StageUnreachableError as error:
                # Whole, for this is the sentence of most attempts: one process in fifteen seconds asks the stage.
                alone.note_failure(f"{error.what}\n{error.remedy}".replace("\0", ""))
                raise
        finally:
            alone.release()

    def _fetch_whole(self, sha256: str, snapshot_bytes: int, stage: SnapshotStage) -> None:
        part = self._beside(sha256, PART_SUFFIX)
        started = time.monotonic()
        try:
            come_bytes = part.stat().st_size if part.exists() else 0
            self.make_room(max(0, snapshot_bytes - come_bytes))
            _fetch(part, sha256, snapshot_bytes, stage)
            if _hash(part) != sha256:
                part.unlink()
                raise SnapshotFetchError(
                    "What came from the stage is not the snapshot that was frozen",
                    file=stage.locate(sha256),
                    remedy="It is fetched anew; should it come again, remove it there and start a new run,"
                    " which publishes it again",
                )
            part.chmod(OWNER_ONLY)
            self._know(
                sha256, part
            )  # first: whoever finds the file under its name finds that it may be evicted
            part.replace(self._beside(sha256, ".sqlite"))
        except FileNotFoundError:
            part.unlink(missing_ok=True)
            raise
        except OSError as error:
            raise self._not_kept(error) from error
        logger.info(
            "Fetched the snapshot %s, %d bytes, from %s in %.1f s",
            *(sha256[:12], snapshot_bytes, stage.locate(sha256), time.monotonic() - started),
        )

    def _not_kept(self, error: OSError) -> ConvoyError:
        kind = SnapshotDiskFullError if is_full(error) else SnapshotFetchError
        return kind(
            f"A snapshot cannot be kept on host {socket.gethostname()}: {error.strerror or error}",
            file=str(self._folder),
            remedy=_MAKE_ROOM if is_full(error) else "Look at that disk, and resume",
        )


def _fetch(part: Path, sha256: str, snapshot_bytes: int, stage: SnapshotStage) -> None:
    """Write what is missing of a snapshot behind what has come; return once it is safe on the disk."""
    part.touch(mode=_PART_MODE)
    with part.open("ab") as file:
        os.fchmod(file.fileno(), _PART_MODE)
        if file.tell() > snapshot_bytes:
            file.truncate(0)
            file.seek(0)
        failures = 0
        while file.tell() < snapshot_bytes:
            begun = file.tell()
            try:
                for piece in stage.read(sha256, begun, snapshot_bytes):
                    file.write(piece)
            except StageUnreachableError:
                failures = failures + 1 if file.tell() == begun else 1
                if failures >= _TRIES:
                    raise
                logger.info(
                    "The snapshot %s broke off at byte %d; it goes on from there", sha256[:12], file.tell()
                )
                time.sleep(_PAUSE_SECONDS)
        file.flush()
        os.fsync(file.fileno())


def _look(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
