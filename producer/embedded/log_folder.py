"""Where a local cluster keeps its logs: a folder for each cluster, and not more than a few of those that have ended."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Final

from migration.file_lock import FileLock
from migration.writable_folders import writable_folder

KEPT: Final = 10
_NAME: Final = re.compile(r"\d{8}-\d{6}-\d+")
_IN_USE: Final = ".in-use"


class LogFolder:
    """A new folder below `parent`, which stays at least until `release`, or the end of this process.

    `setting` is the variable that has put it there.

    Raises:
        FolderNotWritableError: `parent` takes no files.
    """

    def __init__(self, parent: Path, setting: str = "MIGRATION_LOG_DIR") -> None:
        parent = writable_folder(parent, holds="logs", setting=setting)
        self.path = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / _IN_USE)
        self._lock.share()
        _drop_old(parent)

    def release(self) -> None:
        """Let later clusters drop it once it is one of many; may be called twice."""
        self._lock.release()


def _drop_old(parent: Path) -> None:
    """Drop the folders of long ago, but those of clusters that still run: `up` outlives many a command."""
    made_here = sorted(found for found in parent.iterdir() if _NAME.fullmatch(found.name))
    for old in made_here[:-KEPT]:
        lock = FileLock(old / _IN_USE)
        with suppress(OSError):  # somebody else's, or gone meanwhile
            if lock.try_own():
                rmtree(old, ignore_errors=True)
        lock.release()
