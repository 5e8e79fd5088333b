"""Folders that a process makes for itself and removes: whoever comes next removes those whose owner was killed.

The owner holds a lock on a file in its folder, which the kernel lets go of when the process dies, however that happens.
So no age has to be waited for, and nothing goes that somebody is at. Kernels of different hosts may not know each
other's locks on a shared disk: of another host's folder only its age tells something.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from migration.file_lock import FileLock

OWNER = ".owner"
"""The file in a folder that its owner holds a lock on."""
_TRIES = 5


class Ownership(StrEnum):
    """How it stands with the owner of a folder."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It is on another host, or the folder is of a version that names none."""


@contextmanager
def owned_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder below `parent`, for its maker alone, which is gone afterwards; and remove abandoned ones.

    Raises:
        OSError: it cannot be made.
    """
    clear_abandoned(parent, prefix)
    folder, lock = _make(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def own(folder: Path) -> FileLock:
    """Take a folder that is there as one's own, until the lock is released or this process ends.

    Raises:
        OSError: it is not there any more.
    """
    lock = FileLock(folder / OWNER)
    lock.own()
    (folder / OWNER).write_text(socket.gethostname(), encoding="utf-8", errors="surrogateescape")
    return lock


def ownership(folder: Path) -> Ownership:
    """Return whether the owner of a folder lives."""
    try:
        descriptor = os.open(folder / OWNER, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return Ownership.UNKNOWN
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        host = os.read(descriptor, 1024).decode(errors="surrogateescape")
    except OSError:  # held; or a file system without locks, where nothing can be told
        return Ownership.ALIVE
    finally:
        os.close(descriptor)
    # An empty one is being taken at this moment.
    return Ownership.DEAD if host == socket.gethostname() else Ownership.UNKNOWN


def clear_abandoned(parent: Path, prefix: str) -> int:
    """Remove this user's folders of that prefix whose owners have died on this host; return how many went."""
    removed = 0
    with suppress(OSError):
        for folder in parent.glob(f"{prefix}*"):
            with suppress(OSError):
                is_own = folder.lstat().st_uid == os.geteuid() and not folder.is_symlink()
                if is_own and ownership(folder) is Ownership.DEAD:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
    return removed


def _make(parent: Path, prefix: str) -> tuple[Path, FileLock]:
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with suppress(FileNotFoundError):  # taken for an abandoned one before it had its lock
            return folder, own(folder)
    raise FileNotFoundError(f"{parent} keeps no folder")
