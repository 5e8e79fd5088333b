"""Bounds on every wait of a session, for programs that must answer whatever the server does.

PostgreSQL's own limits end a statement that takes long, or waits for a lock. A server that is stopped, or a network
that swallows what is sent, keeps to no limit: there the client has to look at the clock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

from migration.target.session_waits import SilentServerError, waits_of_process

Result = TypeVar("Result")

_GRACE_SECONDS: Final = 2.0
"""Between the server's limit and the client's: its word is the better one."""
_ASKED_FROM_SECONDS: Final = 5.0
"""Who waits for less long has no time to ask what for."""
_ANSWER_SECONDS: Final = 1.0
_asking = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class SessionBounds:
    """Seconds for which a session waits for a connection, for a statement and, within that, for a lock (0: as long)."""

    connect_seconds: int
    statement_seconds: float
    lock_seconds: float

    @property
    def settings(self) -> Mapping[str, str]:
        """Return them as settings of PostgreSQL, in milliseconds."""
        return {
            "statement_timeout": str(round(self.statement_seconds * 1000)),
            "lock_timeout": str(round(self.lock_seconds * 1000)),
        }

    @property
    def connection_class(self) -> type[psycopg.Connection[Any]]:
        """Return a class of connections that are closed where the server keeps silent for longer than it may."""
        return type(
            "BoundedConnection",
            (_Bounded,),
            {"longest_seconds": self.statement_seconds + min(_GRACE_SECONDS, self.statement_seconds)},
        )


class _Bounded(psycopg.Connection[Any]):
    longest_seconds: float

    def wait(
        self,
        gen: PQGen[Result],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> Result:
        """Wait as psycopg does, but never for ever."""
        longest = self.longest_seconds if timeout is None else min(timeout, self.longest_seconds)
        try:
            return super().wait(gen, interval, longest)
        except errors._WaitTimeout:  # noqa: SLF001 - psycopg has no other name for it
            wait = self._wait_of_server() if longest >= _ASKED_FROM_SECONDS else ""
            self.pgconn.finish()  # whatever the server still sends belongs to nobody
            raise SilentServerError(f"PostgreSQL has not answered for {longest:.0f} s", wait) from None

    def _wait_of_server(self) -> str:
        """Return what the session waits for, and have it wait no longer: its client is not there any more."""
        if not _asking.acquire(timeout=_ANSWER_SECONDS):
            return ""  # where a server does not answer at all, it need not be asked by everybody
        try:
            return self._asked_and_cancelled()
        except psycopg.Error:
            return ""
        finally:
            _asking.release()

    def _asked_and_cancelled(self) -> str:
        with _Asking.connect(
            self.info.dsn, password=self.info.password, connect_timeout=2, autocommit=True
        ) as other:
            wait = waits_of_process(lambda sql: other.execute(sql.encode()).fetchall(), self.info.backend_pid)
        # A COMMIT that waits for a standby notices no client that leaves, and would keep its connection for ever.
        self.cancel_safe(timeout=_ANSWER_SECONDS)
        return wait


class _Asking(psycopg.Connection[Any]):
    """A connection that looks at another one, and is not waited for itself."""

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        try:
            return super().wait(gen, interval, _ANSWER_SECONDS if timeout is None else timeout)
        except errors._WaitTimeout:  # noqa: SLF001 - as above
            self.pgconn.finish()
            raise psycopg.OperationalError("no answer") from None
