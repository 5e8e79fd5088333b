"""Hold SQLite's read mark on a database that an application is writing to, as any reader does.

While it is held, no checkpoint writes a page into the database file that was committed after the mark, and the log is
not begun anew before all of it is in the database file. So the file and the log up to some commit after the mark,
copied in any order, are the database of that commit. Nobody waits: readers and writers of a log do not meet.
The holder is another process (`read_mark_holder.py` says why), which writes not a byte, to `-shm` neither.
https://www.sqlite.org/walformat.html#the_locks
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.source import read_mark_holder
from migration.source.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_PATIENCE_SECONDS = 60.0


class Refusal(StrEnum):
    """Why the mark cannot be held. `help` says what would change that."""

    NO_INDEX = read_mark_holder.NO_INDEX
    INDEX_UNREADABLE = read_mark_holder.INDEX_UNREADABLE
    NOT_OPEN_HERE = read_mark_holder.NOT_OPEN_HERE
    LOCKED = read_mark_holder.LOCKED
    UNSETTLED = read_mark_holder.UNSETTLED
    LOG_ELSEWHERE = "log-elsewhere"

    @property
    def why(self) -> str:
        """The end of a sentence that says what stands in the way."""
        return _WORDS[self][0]

    @property
    def help(self) -> str:
        """A sentence without its full stop: what would let the application go on writing."""
        return _WORDS[self][1]


_ALONE = "Let the application use SQLite's usual locking (PRAGMA locking_mode = NORMAL)"
_WORDS = {
    Refusal.NO_INDEX: ("its log has no -shm file, through which readers are known to its writers", _ALONE),
    Refusal.INDEX_UNREADABLE: (
        "its -shm file cannot be read by this user",
        "Give this user the right to read that file",
    ),
    Refusal.NOT_OPEN_HERE: (
        "no process of this machine has it open",
        "Run this on the machine whose process writes to it",
    ),
    Refusal.LOCKED: ("its application has locked it for itself", _ALONE),
    Refusal.LOG_ELSEWHERE: (
        "its log is not beside this name of the file, which is a hard link or was mounted alone",
        "Name the file where its application opens it, or mount its folder as a whole",
    ),
    Refusal.UNSETTLED: ("no reader's place was to be had in its log", "Try again"),
}


class MarkRefusedError(Exception):
    """The mark cannot be held, or was lost; nobody but the caller sees this."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class LogIndex:
    """What `-shm` says of the log: frames that are committed, bytes of a page, and the salt of this turn of the log."""

    frames: int
    page_bytes: int
    salt: str

    @property
    def log_bytes(self) -> int:
        """How much of the log belongs to those frames."""
        return WAL_HEADER_BYTES + self.frames * (_FRAME_HEADER_BYTES + self.page_bytes) if self.frames else 0


def is_open_elsewhere(source: Path) -> bool:
    """Return whether another process has a database in WAL mode open: the lock that all share is kept till the end."""
    with open_regular(source) as file, suppress(OSError):  # some network file systems know no locks
        return read_mark_holder.is_locked(
            file.fileno(), read_mark_holder.SHARED_FIRST, read_mark_holder.SHARED_BYTES
        )
    return False


class ReadMark:
    """A mark that is held. `index` is what `-shm` said when it was."""

    def __init__(self, holder: subprocess.Popen[bytes]) -> None:
        self._holder = holder
        words = self._hear("held")
        self._file = (int(words[0]), int(words[1]))
        self.index = _read(words[2:])

    def check_same(self, database: os.stat_result) -> None:
        """Make sure that a file is the one whose mark is held, and not another that was moved to its place.

        Raises:
            MarkRefusedError: it is another one.
        """
        if (database.st_dev, database.st_ino) != self._file:
            raise MarkRefusedError(Refusal.UNSETTLED)

    def look(self) -> LogIndex:
        """Return what `-shm` says now, which proves that the mark is still held, too.

        Raises:
            MarkRefusedError: the holder has ended.
        """
        if self._holder.stdin is not None:
            with suppress(BrokenPipeError):
                self._holder.stdin.write(b"\n")
                self._holder.stdin.flush()
        return _read(self._hear("index"))

    def _hear(self, expected: str) -> list[str]:
        line = self._holder.stdout.readline().decode("ascii") if self._holder.stdout is not None else ""
        kind, *words = line.split() or ["refused", Refusal.UNSETTLED]
        if kind != expected:
            raise MarkRefusedError(Refusal(words[0]))
        return words


def _read(words: list[str]) -> LogIndex:
    frames, page_bytes, salt = words
    return LogIndex(int(frames), int(page_bytes), salt)


@contextmanager
def hold_read_mark(source: Path) -> Iterator[ReadMark]:
    """Hold the mark of a database in WAL mode until the context is left.

    Raises:
        MarkRefusedError: that cannot be; nothing has been touched.
    """
    path = str(source.absolute())
    try:
        # A session of its own: Ctrl-C is for the command, which then closes the pipe.
        holder = subprocess.Popen(
            [sys.executable, "-I", "-S", read_mark_holder.__file__, path, quote(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:  # no process more: that says nothing about the source
        raise MarkRefusedError(Refusal.UNSETTLED) from error
    # It gives up by itself after a few seconds, unless what it opens keeps it waiting: a pipe in the place of a file.
    patience = threading.Timer(_PATIENCE_SECONDS, holder.kill)
    patience.start()
    try:
        mark = ReadMark(holder)
        patience.cancel()
        yield mark
    finally:
        patience.cancel()
        holder.kill()
        holder.communicate()
