"""Reads a file that a person has written, whole: a pipe that nobody fills, or a device without an end, is none."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_small_file(path: Path, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """Return what a file holds, and its state: both are of one file, whatever takes its name meanwhile.

    Args:
        path: of the file, or of a link to it.
        most_bytes: what it may hold.

    Raises:
        OSError: it cannot be opened, is a pipe, a device or a folder, or holds more; `strerror` says which.
    """
    with open(path, "rb", opener=_without_waiting) as file:
        state = os.fstat(file.fileno())
        content = file.read(most_bytes + 1) if stat.S_ISREG(state.st_mode) else b""
    if not stat.S_ISREG(state.st_mode) or len(content) > most_bytes:
        raise OSError(errno.EINVAL, f"it is no regular file of {most_bytes} bytes at most", str(path))
    return content, state


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
