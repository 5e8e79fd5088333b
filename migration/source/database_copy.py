"""Copy a database that an application may be using, without writing a byte beside it.

Opening a database in WAL mode, even read-only, makes SQLite create or change `-shm`. So such a database is copied as
plain files together with its log, and SQLite recovers the log into the copy. A database with a rollback journal is
held by a SHARED lock, which is a lock in memory of the kernel and changes no file, while it is copied.
https://www.sqlite.org/lockingv3.html and https://www.sqlite.org/wal.html#walreset
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from migration.convoy_error import Place
from migration.errors import SourceCorruptError, SourceLockedError
from migration.source.integrity_check import SAMPLE_BYTES, read_header

if TYPE_CHECKING:
    from pathlib import Path

_COPY_BYTES = 1 << 20
_KERNEL_COPY_BYTES = 64 << 20
_NOT_IN_KERNEL = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.3
_LOCK_TIMEOUT_SECONDS = 5.0
_CLOCK_TICK_SECONDS = 0.02  # two writes within one tick of the kernel's clock leave the same mtime
_WAL_HEADER_BYTES = 32
_SUFFIXES = ("", "-wal", "-journal")
_REMEDY = "Stop the application that uses it, or try again"


def copy_database(source: Path, copy: Path, place: Place) -> None:
    """Make `copy` a plain database file with all that was committed to `source`; nothing else is left beside it.

    Memory is bounded; the source and its folder are only read. Locks are those of POSIX: they belong to this process,
    which must not have the same source open elsewhere.

    Raises:
        NotADatabaseError: see `check.read_header`.
        SourceCorruptError: the log or journal cannot be recovered.
        SourceLockedError: it is being written to, or locked.
        OSError: it cannot be read; the caller knows how to say so.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * attempt)
        before = _settled_state(source)
        suffixes = _copy_once(source, copy, place)
        after = _state(source)
        if all(before[suffix] == after[suffix] for suffix in suffixes):
            _make_plain(copy, place)
            return
        _remove(copy)
    raise SourceLockedError("The database is being written to", remedy=_REMEDY, **place)


def _copy_once(source: Path, copy: Path, place: Place) -> tuple[str, ...]:
    """Copy the file and what belongs to it; return the suffixes of the files that must not have moved meanwhile."""
    with source.open("rb") as file:
        start = file.read(SAMPLE_BYTES)
        file_bytes = file.seek(0, 2)
        file.seek(0)
        if file_bytes == 0:
            copy.touch()
            return _SUFFIXES
        # While a log lies there SQLite reads it, whatever the header says.
        uses_wal = read_header(start, file_bytes, place).uses_wal or _size(_beside(source, "-wal")) > 0
        if not uses_wal and _copy_under_lock(file, source, copy, place):
            # A journal there belongs to a writer that has committed nothing yet.
            return ("", "-wal")
        _copy_open_file(file, copy)
        _copy_if_there(source, copy, "-wal")
        # Hot: its writer is dead, and the copy has to be rolled back.
        _copy_if_there(source, copy, "-journal")
        return _SUFFIXES


def _copy_under_lock(file: BinaryIO, source: Path, copy: Path, place: Place) -> bool:
    """Copy while no writer can commit. False: no lock, because of a hot journal or damage; nothing is copied.

    Closing any handle of a file drops all locks of this process on it, so `file` was opened before the lock is
    taken, and is closed after.
    """
    uri = f"file:{quote(str(source.absolute()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_LOCK_TIMEOUT_SECONDS)) as lock:
        try:
            lock.execute("BEGIN")
            lock.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_BUSY":
                raise SourceLockedError(
                    "The database is locked by a writer", remedy=_REMEDY, **place
                ) from error
            return False
        except (sqlite3.Error, UnicodeDecodeError):
            return False
        _copy_open_file(file, copy)
        return True


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _copy_open_file(file: BinaryIO, copy: Path) -> None:
    with copy.open("wb") as target:
        if not _copy_in_kernel(file, target):
            file.seek(0)
            target.seek(0)
            shutil.copyfileobj(file, target, _COPY_BYTES)


def _copy_in_kernel(file: BinaryIO, target: BinaryIO) -> bool:
    """Copy without a detour through this process, or by sharing blocks where the file system can; False: it cannot.

    https://man7.org/linux/man-pages/man2/copy_file_range.2.html
    """
    if not hasattr(os, "copy_file_range"):
        return False
    offset = 0
    try:
        while copied := os.copy_file_range(
            file.fileno(), target.fileno(), _KERNEL_COPY_BYTES, offset, offset
        ):
            offset += copied
    except OSError as error:
        if error.errno in _NOT_IN_KERNEL:
            return False
        raise
    # Some file systems of the kernel's own say that they are at the end when they are not.
    return offset == os.fstat(file.fileno()).st_size


def _copy_if_there(source: Path, copy: Path, suffix: str) -> None:
    try:
        with _beside(source, suffix).open("rb") as file:
            _copy_open_file(file, _beside(copy, suffix))
    except FileNotFoundError:
        pass  # whether it has just vanished is seen in the state of the files


def _state(source: Path) -> dict[str, tuple[int, int, int] | None]:
    """Return size, mtime in ns and inode of the database and of what belongs to it, by suffix."""
    states: dict[str, tuple[int, int, int] | None] = {}
    for suffix in _SUFFIXES:
        try:
            stat = _beside(source, suffix).stat()
        except FileNotFoundError:
            if not suffix:
                raise
            states[suffix] = None
        else:
            states[suffix] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return states


def _settled_state(source: Path) -> dict[str, tuple[int, int, int] | None]:
    """Return the state once no file has changed within the last tick, so that a later change will show."""
    for _ in range(_ATTEMPTS):
        state = _state(source)
        newest_ns = max(entry[1] for entry in state.values() if entry)
        if abs(time.time_ns() - newest_ns) > _CLOCK_TICK_SECONDS * 1e9:
            break
        time.sleep(_CLOCK_TICK_SECONDS)
    return state


def _make_plain(copy: Path, place: Place) -> None:
    """Let SQLite recover log or journal into the private copy, and leave one file without either."""
    if _size(copy) == 0:
        _beside(copy, "-wal").unlink(missing_ok=True)
        _beside(copy, "-journal").unlink(missing_ok=True)
        return
    with copy.open("rb") as file:
        uses_wal = read_header(file.read(SAMPLE_BYTES), _size(copy), place).uses_wal
    has_log = _size(_beside(copy, "-wal")) > _WAL_HEADER_BYTES
    has_journal = _size(_beside(copy, "-journal")) > 0
    if uses_wal or has_log or has_journal:
        try:
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                connection.execute(
                    "SELECT count(*) FROM sqlite_schema"
                ).fetchone()  # rolls a hot journal back
                (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise SourceCorruptError(f"The write-ahead log cannot be recovered: {error}", **place) from error
        if mode != "delete":
            raise SourceCorruptError("The write-ahead log cannot be recovered", **place)
    for suffix in ("-wal", "-shm", "-journal"):
        _beside(copy, suffix).unlink(missing_ok=True)


def _remove(copy: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        _beside(copy, suffix).unlink(missing_ok=True)
