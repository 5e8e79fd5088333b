"""Open what is a file and nothing else: a pipe that nobody fills, or a device, may have taken its name meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

_SUFFIXES: Final = ("-wal", "-shm", "-journal")
_BLOCK_BYTES: Final = 512  # stat(2), st_blocks
_HOLLOW_TIMES: Final = 8
_NOT_REGULAR: Final = "it is not a regular file"


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading, without a wait for whoever would fill a pipe; `path` is no link.

    Raises:
        OSError: it cannot be opened, or is a link, a pipe, a device or a folder.
    """
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - pathlib takes no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, _NOT_REGULAR, str(path))
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW)


def check_files_beside(path: Path) -> None:
    """Make sure that what SQLite reads beside a database, its log and journal, are files there and not links elsewhere.

    Raises:
        OSError: one of them is something else.
    """
    for suffix in _SUFFIXES:
        beside = path.with_name(path.name + suffix)
        try:
            mode = beside.lstat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"{beside.name} beside it is not a regular file", str(beside))


def is_hollow(path: Path, free_bytes: int) -> bool:
    """Return whether a file is mostly holes, and larger by them than what is free: a copy would fill the disk.

    File systems that compress say less than they hold, too; where there is room, it does not matter which it is.
    """
    found = path.stat()
    return found.st_size > free_bytes and found.st_size > _HOLLOW_TIMES * found.st_blocks * _BLOCK_BYTES
