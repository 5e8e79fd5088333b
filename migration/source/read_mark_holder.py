"""A program that holds SQLite's read mark on a live database in WAL mode while its parent copies the files.

It is a process of its own, because POSIX locks are lost as soon as their process closes any handle of that file: who
copies must not be who holds. It ends by itself when its standard input does, so a parent that dies leaves no lock. It
never closes what it has opened: SQLite's own closing would look whether it may write the log back, and the kernel lets
go of all locks when a process ends. Only the standard library is imported.

The arguments are the path and the same path as part of a URI. Answers are lines of words: first `held DEVICE INODE
INDEX` or `refused REASON`, then one more `index INDEX` for each line that comes in. INDEX is what `-shm` says: frames
that are committed, bytes of a page, salt.
https://www.sqlite.org/walformat.html has the layout of `-shm` and its locks.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import sys
import time

_TRIES = 40
_PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 5.0
_BUSY_SECONDS = 1.0

# The database: one byte that keeps new readers out while somebody waits to have it alone, and 510 that readers share.
_PENDING_BYTE = 0x40000000
SHARED_FIRST = _PENDING_BYTE + 2
SHARED_BYTES = 510
# `-shm`: two copies of a header of 48 bytes in the machine's byte order, and the byte that all who have it open share.
_HEADER = struct.Struct("=IIIBBHII8s8s8s")
_INDEX_VERSION = 3007000
_IN_USE_BYTE = 128
_IS_BSD = sys.platform == "darwin" or "bsd" in sys.platform

NO_INDEX = "no-index"
INDEX_UNREADABLE = "index-unreadable"
NOT_OPEN_HERE = "not-open-here"
LOCKED = "locked"
UNSETTLED = "unsettled"


def main(path: str, uri_path: str) -> None:
    """Hold the mark, answer until standard input ends, and end without closing anything."""
    try:
        database, index, _reader = _hold(path, uri_path)
        file = os.fstat(database)
        _say("held", file.st_dev, file.st_ino, *_read_index(index))
        while sys.stdin.readline():
            _say("index", *_read_index(index))
    except _RefusedError as refusal:
        _say("refused", refusal.args[0])
    except (OSError, sqlite3.Error):
        _say("refused", UNSETTLED)
    os._exit(0)


class _RefusedError(Exception):
    """The mark cannot be held, for one of the reasons above."""


def _hold(path: str, uri_path: str) -> tuple[int, int, sqlite3.Connection]:
    """Return handles of database and `-shm`, and a reader; while it lives, no checkpoint passes its mark."""
    database = os.open(path, os.O_RDONLY)  # stays open: closing it would unlock what SQLite has locked
    reader = _connect(uri_path)
    index = None
    patience_ends = time.monotonic() + _PATIENCE_SECONDS
    for attempt in range(_TRIES):
        # SQLite makes a log that is not there. So what a reader locks is locked before anything is looked at: from
        # now on the last one who closes the database leaves log and index where they are.
        _share(database)
        if not os.path.exists(path + "-wal"):  # noqa: PTH110 - pathlib would double the time that the start takes
            raise _RefusedError(NOT_OPEN_HERE)
        if index is None:
            index = _open_index(path)
        # Of an index that nobody has open, not a word is to be believed: SQLite would make it anew.
        if _is_in_use(index) and _begin(reader) and _is_in_use(index):
            return database, index, reader
        if not _is_in_use(index):
            raise _RefusedError(NOT_OPEN_HERE)
        if time.monotonic() > patience_ends:
            break
        time.sleep(_PAUSE_SECONDS * min(1.0, attempt / 10))
    raise _RefusedError(UNSETTLED)


def _share(database: int) -> None:
    try:
        fcntl.lockf(database, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _PENDING_BYTE)
        fcntl.lockf(database, fcntl.LOCK_SH | fcntl.LOCK_NB, SHARED_BYTES, SHARED_FIRST)
        fcntl.lockf(database, fcntl.LOCK_UN, 1, _PENDING_BYTE)
    except OSError as error:
        raise _RefusedError(LOCKED) from error


def _open_index(path: str) -> int:
    try:
        return os.open(path + "-shm", os.O_RDONLY)
    except FileNotFoundError as error:
        raise _RefusedError(NO_INDEX) from error
    except OSError as error:
        raise _RefusedError(INDEX_UNREADABLE) from error


def _connect(uri_path: str) -> sqlite3.Connection:
    """Return a reader that writes nowhere: with `readonly_shm` it shares a mark that others have set."""
    uri = f"file:{uri_path}?mode=ro&readonly_shm=1"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _begin(reader: sqlite3.Connection) -> bool:
    """Begin a read transaction. False: there is no mark just now, or a writer was met in the middle of its commit."""
    try:
        if not reader.in_transaction:
            reader.execute("BEGIN")
        # Reads the first page and no schema, so one that this SQLite does not understand is no obstacle.
        reader.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


def _is_in_use(index: int) -> bool:
    """Return whether another process of this machine has the database open."""
    return is_locked(index, _IN_USE_BYTE, 1)


def is_locked(file: int, start: int, length: int) -> bool:
    """Return whether another process of this machine holds a lock on these bytes; fcntl(2) tells without locking."""
    if _IS_BSD:
        layout, kind = "qqihhi4x", 3
        request = struct.pack(layout, start, length, 0, fcntl.F_WRLCK, os.SEEK_SET, 0)
    else:
        layout, kind = "hhqqi4x", 0
        request = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    answer = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, request))
    return bool(answer[kind] != fcntl.F_UNLCK)


def _read_index(index: int) -> tuple[int, int, str]:
    """Return the frames that are committed, the bytes of a page, and the salt, which changes as the log begins anew."""
    for _ in range(_TRIES):
        both = os.pread(index, 2 * _HEADER.size, 0)
        first, second = both[: _HEADER.size], both[_HEADER.size :]
        if first == second and len(first) == _HEADER.size:
            version, _, _, is_made, _, page, frames, _, _, salt, _ = _HEADER.unpack(first)
            if is_made and version == _INDEX_VERSION:
                page_bytes = (page & 0xFE00) + ((page & 1) << 16)
                return frames, page_bytes, salt.hex()
        time.sleep(_PAUSE_SECONDS / 10)  # a writer is just committing
    raise _RefusedError(UNSETTLED)


def _say(*words: str | int) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
