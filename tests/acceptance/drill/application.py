"""The application: reads and writes all the time, through PgBouncer, and remembers its longest wait."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import psycopg

_PAUSE_SECONDS = 0.02
_READ = "SELECT name FROM shop.customer WHERE id = 5"
_FORBIDDEN = "SELECT count(*) FROM shop.customer WHERE region <> 'eu'"
_WRITE = "INSERT INTO support.ticket (customer_id, words) VALUES (5, %s)"


class Application:
    """A thread with one connection. It writes to a table of its own whose foreign key points at a replaced one.

    After `with`, `errors` holds what it was told by the server, `written` the tickets that were acknowledged, and
    `seen_too_much` the rows that its policy hides and that it saw all the same.
    """

    def __init__(self, url: str) -> None:
        self.errors: list[str] = []
        self.written: list[str] = []
        self.seen_too_much = 0
        self.stalls_seconds: list[float] = []
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="application")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def longest_stall_seconds(self) -> float:
        """The longest that one statement took."""
        return max(self.stalls_seconds, default=0.0)

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.is_set():
                words = f"ticket {len(self.written)}"
                for statement, parameters in ((_READ, ()), (_FORBIDDEN, ()), (_WRITE, (words,))):
                    self._one(connection, statement, parameters)
                time.sleep(_PAUSE_SECONDS)

    def _one(self, connection: psycopg.Connection, statement: str, parameters: tuple[str, ...]) -> None:
        begun = time.monotonic()
        try:
            cursor = connection.execute(statement.encode(), parameters)
            if statement is _FORBIDDEN:
                (count,) = cursor.fetchone() or (0,)
                self.seen_too_much += int(count)
            elif statement is _WRITE:
                self.written.append(parameters[0])
        except psycopg.Error as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        self.stalls_seconds.append(time.monotonic() - begun)
