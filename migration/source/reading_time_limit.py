"""A bound for how long SQLite may be busy with a file: what is slow is interrupted, from a thread beside it.

Pages that lead to each other make a file of a hundred kilobytes longer than any table; no statement over it ends. A
handler that SQLite calls now and then would cost each row, and is not called while it counts.
https://www.sqlite.org/c3ref/interrupt.html
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from migration.source_form_errors import SourceTooSlowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.convoy_error import Place

_AGAIN_SECONDS: Final = 0.05
"""A statement that begins just after an interruption is not touched by it."""
_REMEDY: Final = (
    "Look at the file with `sqlite3 FILE 'PRAGMA quick_check'`; where it is sound and only slow, give it longer"
    " with MIGRATION_SOURCE_SECONDS"
)


class ReadingTimeLimit:
    """The time that one piece of work may take, and the connections that it has opened."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._connections: weakref.WeakSet[sqlite3.Connection] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self.is_over = False

    def stop(self) -> None:
        """End what is going on now: it is of no use any more."""
        self._wanted.set()

    def add(self, connection: sqlite3.Connection) -> None:
        """Interrupt this one, too, once time is over."""
        with self._lock:
            self._connections.add(connection)

    def run(self) -> None:
        """Wait, and interrupt for as long as something goes on; ends with `end`."""
        self._wanted.wait(self._seconds)
        while not self._ended.is_set():
            self.is_over = True
            with self._lock:
                known = list(self._connections)
            for connection in known:
                with suppress(sqlite3.ProgrammingError):  # closed meanwhile
                    connection.interrupt()
            self._ended.wait(_AGAIN_SECONDS)

    def end(self) -> None:
        """Note that the work is done."""
        self._ended.set()
        self._wanted.set()


_current: ContextVar[ReadingTimeLimit | None] = ContextVar("reading_time_limit", default=None)


def note_connection(connection: sqlite3.Connection) -> None:
    """Put a new connection under the limit of the work that opens it, if there is one."""
    limit = _current.get()
    if limit is not None:
        limit.add(connection)


@contextmanager
def reading_time_limit(seconds: float, what: str, place: Place) -> Iterator[ReadingTimeLimit]:
    """Bound the time of all that is read in the block, by connections that it opens in this thread.

    Args:
        seconds: how long it may take.
        what: what is done, as the beginning of a sentence: ``Checking the file``.
        place: what the user calls the source.

    Raises:
        SourceTooSlowError: it took longer, and was interrupted.
    """
    limit = ReadingTimeLimit(seconds)
    watch = threading.Thread(target=limit.run, name="reading-time-limit", daemon=True)
    watch.start()
    token = _current.set(limit)
    try:
        yield limit
    except Exception as error:
        if limit.is_over and is_interruption(error):
            raise SourceTooSlowError(
                f"{what} took longer than {seconds:,.0f} s and was ended", remedy=_REMEDY, **place
            ) from error
        raise
    finally:
        _current.reset(token)
        limit.end()
        watch.join()


def is_interruption(error: BaseException | None) -> bool:
    """Return whether an error, or one that it was raised from, is that SQLite was interrupted."""
    while error is not None:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            return True
        error = error.__cause__
    return False
