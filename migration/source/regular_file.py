"""Open what is a file and nothing else: a pipe that nobody fills, or a device, may have taken its name meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

_SUFFIXES: Final = ("-wal", "-shm", "-journal")
_NOT_REGULAR: Final = "it is not a regular file"


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading, without a wait for whoever would fill a pipe; `path` is no link.

    Raises:
        OSError: it cannot be opened, or is a link, a pipe, a device or a folder.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, _NOT_REGULAR, str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


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
