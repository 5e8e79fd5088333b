"""Copy a database that an application may be using, without writing a byte beside it.

A database in WAL mode that a process of this machine has open is copied together with its log while SQLite's read mark
is held (`read_mark.py`): its application goes on writing. Where that cannot be, it is copied as plain files, which
counts only if none of them has moved meanwhile, since opening it would make SQLite create or change `-shm`. Either way
SQLite recovers the log into the copy. A database with a rollback journal is held by a SHARED lock, which is a lock in
memory of the kernel and changes no file, while it is copied.
https://www.sqlite.org/lockingv3.html and https://www.sqlite.org/wal.html#walreset
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from migration.convoy_error import NextStep, Place
from migration.errors import SourceCorruptError, SourceLockedError
from migration.source.database_opening import file_uri, open_database
from migration.source.integrity_check import SAMPLE_BYTES, read_header
from migration.source.read_mark import (
    WAL_HEADER_BYTES,
    MarkRefusedError,
    Refusal,
    hold_read_mark,
    is_open_elsewhere,
)
from migration.source.regular_file import check_files_beside, open_regular

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_State = dict[str, tuple[int, int, int] | None]

_COPY_BYTES = 1 << 20
_KERNEL_COPY_BYTES = 64 << 20
_NOT_IN_KERNEL = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.3
_LOCK_TIMEOUT_SECONDS = 10.0
_LOOK_SECONDS = 0.0002
_CLOCK_TICK_SECONDS = 0.02  # two writes within one tick of the kernel's clock leave the same mtime
_SUFFIXES = ("", "-wal", "-journal")
_REMEDY = "Stop the application that uses it, or try again"


def copy_database(source: Path, copy: Path, place: Place) -> None:
    """Make `copy` a plain database file with all that was committed to `source`; nothing else is left beside it.

    Memory is bounded; the source and its folder are only read. Locks are those of POSIX: they belong to this process,
    which must not have the same source open elsewhere.

    Raises:
        NotADatabaseError: see `check.read_header`.
        SourceCorruptError: the log or journal cannot be recovered.
        SourceLockedError: it is being written to, or locked, and its log cannot be held.
        OSError: it cannot be read; the caller knows how to say so.
    """
    check_files_beside(source)
    refusal = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * attempt)
        uses_log = _uses_log(source, place)
        has_log = _beside(source, "-wal").exists()
        # Whoever has a database in WAL mode open has a log beside the name that he knows.
        if uses_log and not has_log and is_open_elsewhere(source):
            refusal = Refusal.LOG_ELSEWHERE
            continue
        if uses_log and has_log:
            try:
                frames = _copy_beside_writers(source, copy)
            except MarkRefusedError as error:
                refusal = error.refusal
                _remove(copy)
            else:
                logger.info(
                    "Copied %s while it was in use: what is committed from now on is not in the copy", source
                )
                make_plain(copy, place, frames)
                return
        before = _copy_once(source, copy, place)
        after = _state(source)
        if all(state == after[suffix] for suffix, state in before.items()):
            make_plain(copy, place)
            return
        _remove(copy)
    raise _written_to(source, refusal, place)


def _uses_log(source: Path, place: Place) -> bool:
    """Tell whether a database is in WAL mode. While a log lies there SQLite reads it, whatever the header says."""
    file_bytes = _size(source)
    if file_bytes == 0:
        return False
    with open_regular(source) as file:
        header = read_header(file.read(SAMPLE_BYTES), file_bytes, place)
    return header.uses_wal or _size(_beside(source, "-wal")) > 0


def _copy_beside_writers(source: Path, copy: Path) -> int:
    """Copy file and log up to a commit, while writers go on; return how many frames of the log were copied.

    Where all of the log is in the file already, SQLite's mark keeps the file as it is, and the log may begin anew.
    If it does while it is copied, the copied part is no log any more, and the file alone is what was marked. If it
    does not, its frames go on from that file, whichever turn of the log they belong to.

    Raises:
        MarkRefusedError: the mark cannot be held.
    """
    with hold_read_mark(source) as mark:
        frames = mark.index.frames
        if frames:
            with open_regular(_beside(source, "-wal")) as file:
                _copy_start(file, _beside(copy, "-wal"), mark.index.log_bytes)
            if mark.look().salt != mark.index.salt:
                _beside(copy, "-wal").unlink()
                frames = 0
        with open_regular(source) as file:
            state = os.fstat(file.fileno())
            mark.check_same(state)
            _copy_start(file, copy, state.st_size)
        mark.look()
    return frames


def _written_to(source: Path, refusal: Refusal | None, place: Place) -> SourceLockedError:
    if refusal is None:
        return SourceLockedError("The database is being written to", remedy=_REMEDY, **place)
    if refusal is Refusal.LOG_ELSEWHERE:
        return SourceLockedError(f"The database is in use, and {refusal.why}", remedy=refusal.help, **place)
    aside = shlex.quote(str(source.with_suffix(".copy.db")))
    command = f'sqlite3 {shlex.quote(str(source))} "VACUUM INTO {aside}"'
    return SourceLockedError(
        f"The database is being written to, and {refusal.why}",
        remedy=f"{refusal.help}. Otherwise: {_REMEDY}",
        next_steps=(NextStep("Let SQLite make a copy beside the application, and migrate that", command),),
        **place,
    )


def _copy_once(source: Path, copy: Path, place: Place) -> _State:
    """Copy the file and what belongs to it; return the states of the files that must not have moved meanwhile."""
    before = _settled_state(source)
    with open_regular(source) as file:
        start = file.read(SAMPLE_BYTES)
        file_bytes = file.seek(0, 2)
        file.seek(0)
        if file_bytes == 0:
            copy.touch()
            return before
        uses_wal = read_header(start, file_bytes, place).uses_wal or _size(_beside(source, "-wal")) > 0
        if not uses_wal and (locked := _copy_under_lock(file, source, copy, place)) is not None:
            # A journal there belongs to a writer that has committed nothing yet.
            return {suffix: state for suffix, state in locked.items() if suffix != "-journal"}
        _copy_open_file(file, copy)
        _copy_if_there(source, copy, "-wal")
        # Hot: its writer is dead, and the copy has to be rolled back.
        _copy_if_there(source, copy, "-journal")
        return before


def _copy_under_lock(file: BinaryIO, source: Path, copy: Path, place: Place) -> _State | None:
    """Copy while no writer can commit; return the state of that time, to which it may have taken many commits.

    None: no lock, because of a hot journal or damage, or another file stands there now; nothing is copied.

    Closing any handle of a file drops all locks of this process on it, so `file` was opened before the lock is
    taken, and is closed after.
    """
    uri = file_uri(source, "mode=ro")
    with closing(open_database(uri, timeout_seconds=0)) as lock:
        try:
            _take_shared_lock(lock)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_BUSY":
                raise SourceLockedError(
                    "The database is locked by a writer",
                    remedy=f"{_REMEDY}. In WAL mode (PRAGMA journal_mode = WAL) it could go on writing",
                    **place,
                ) from error
            return None
        except (sqlite3.Error, UnicodeDecodeError):
            return None
        before = _state(source)
        header = read_header(file.read(SAMPLE_BYTES), file.seek(0, 2), place)
        file.seek(0)
        if header.uses_wal or before[""] is None or before[""][2] != os.fstat(file.fileno()).st_ino:
            return None
        _copy_open_file(file, copy)
        return before


def _take_shared_lock(lock: sqlite3.Connection) -> None:
    """Keep writers from committing, from the first moment between two commits on.

    An application that commits all the time leaves but fractions of a millisecond, in which SQLite's own busy handler,
    with pauses of up to 100 ms, hardly ever looks.

    Raises:
        sqlite3.Error: there was no such moment (SQLITE_BUSY), or the file cannot be read.
    """
    deadline = time.monotonic() + _LOCK_TIMEOUT_SECONDS
    while True:
        try:
            lock.execute("BEGIN")
            lock.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            lock.rollback()
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _copy_start(file: BinaryIO, copy: Path, most_bytes: int) -> None:
    """Copy the first bytes of a file that others write to; it may have become shorter."""
    with copy.open("wb") as target:
        done = _copy_in_kernel(file, target, most_bytes)
        file.seek(done)
        target.seek(done)
        while done < most_bytes and (piece := file.read(min(_COPY_BYTES, most_bytes - done))):
            done += target.write(piece)


def _copy_open_file(file: BinaryIO, copy: Path) -> None:
    with copy.open("wb") as target:
        # Some file systems of the kernel's own say that they are at the end when they are not.
        if _copy_in_kernel(file, target) != os.fstat(file.fileno()).st_size:
            file.seek(0)
            target.seek(0)
            shutil.copyfileobj(file, target, _COPY_BYTES)


def _copy_in_kernel(file: BinaryIO, target: BinaryIO, most_bytes: int | None = None) -> int:
    """Copy without a detour through this process, or by sharing blocks where the file system can; return how much.

    https://man7.org/linux/man-pages/man2/copy_file_range.2.html
    """
    offset = 0
    if not hasattr(os, "copy_file_range"):
        return offset
    try:
        while wanted := min(
            _KERNEL_COPY_BYTES, most_bytes - offset if most_bytes is not None else _KERNEL_COPY_BYTES
        ):
            copied = os.copy_file_range(file.fileno(), target.fileno(), wanted, offset, offset)
            if not copied:
                break
            offset += copied
    except OSError as error:
        if error.errno not in _NOT_IN_KERNEL:
            raise
    return offset


def _copy_if_there(source: Path, copy: Path, suffix: str) -> None:
    try:
        with open_regular(_beside(source, suffix)) as file:
            _copy_open_file(file, _beside(copy, suffix))
    except FileNotFoundError:
        pass  # whether it has just vanished is seen in the state of the files


def _state(source: Path) -> _State:
    """Return size, mtime in ns and inode of the database and of what belongs to it, by suffix."""
    states: _State = {}
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


def _settled_state(source: Path) -> _State:
    """Return the state once no file has changed within the last tick, so that a later change will show."""
    for _ in range(_ATTEMPTS):
        state = _state(source)
        newest_ns = max(entry[1] for entry in state.values() if entry)
        if abs(time.time_ns() - newest_ns) > _CLOCK_TICK_SECONDS * 1e9:
            break
        time.sleep(_CLOCK_TICK_SECONDS)
    return state


def make_plain(copy: Path, place: Place, frames: int | None = None) -> None:
    """Let SQLite recover log or journal into the private copy, and leave one file without either.

    `frames` is how many frames of the log are known to be committed: all of them must be there. Otherwise what a
    machine that went down has left of a last commit is passed over, as it should be.
    """
    if _size(copy) == 0:
        _beside(copy, "-wal").unlink(missing_ok=True)
        _beside(copy, "-journal").unlink(missing_ok=True)
        return
    with copy.open("rb") as file:
        uses_wal = read_header(file.read(SAMPLE_BYTES), _size(copy), place).uses_wal
    has_log = _size(_beside(copy, "-wal")) > WAL_HEADER_BYTES
    has_journal = _size(_beside(copy, "-journal")) > 0
    if uses_wal or has_log or has_journal:
        try:
            with closing(open_database(file_uri(copy, "mode=rw"))) as connection:
                connection.execute("PRAGMA synchronous = OFF")  # whoever needs it on the disk flushes it
                connection.execute(
                    "SELECT count(*) FROM sqlite_schema"
                ).fetchone()  # rolls a hot journal back
                recovered = connection.execute("PRAGMA wal_checkpoint").fetchone()[1]
                (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise SourceCorruptError(f"The write-ahead log cannot be recovered: {error}", **place) from error
        if mode != "delete":
            raise SourceCorruptError("The write-ahead log cannot be recovered", **place)
        if frames and recovered != frames:
            raise SourceCorruptError(
                f"The write-ahead log is damaged: {max(recovered, 0)} of its {frames} frames can be recovered",
                **place,
            )
    for suffix in ("-wal", "-shm", "-journal"):
        _beside(copy, suffix).unlink(missing_ok=True)


def _remove(copy: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        _beside(copy, suffix).unlink(missing_ok=True)
