"""The right to move a run from phase to phase: an advisory lock, which PostgreSQL releases when its holder dies.

It saves work that would be done twice. That nothing is *changed* twice, each transition makes sure by itself
(`run_transition`): a session may be ended by a timeout of the server, a pooler or an administrator at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

_KEY = "hashtextextended(:key, 0)"


@contextmanager
def run_lock(engine: Engine, run_id: str, *, wait: bool) -> Iterator[Callable[[], bool]]:
    """Hold the lock of a run, if it can be had; with `wait`, once it can.

    Yields:
        A question to the server: whether the lock is held at this moment.
    """
    key = {"key": run_id}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if wait:
            connection.execute(text(f"SELECT pg_advisory_lock({_KEY})"), key)
            obtained = True
        else:
            obtained = bool(connection.execute(text(f"SELECT pg_try_advisory_lock({_KEY})"), key).scalar())

        def is_held() -> bool:
            if not obtained:
                return False
            try:
                connection.execute(text("SELECT 1"))  # the lock lives exactly as long as this session
            except DBAPIError:
                return False
            return not connection.invalidated

        try:
            yield is_held
        finally:
            if obtained and not connection.closed and not connection.invalidated:
                with suppress(DBAPIError):  # the session is gone, and its lock with it
                    connection.execute(text(f"SELECT pg_advisory_unlock({_KEY})"), key)
