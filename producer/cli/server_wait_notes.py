"""Says on stderr what a command waits for in PostgreSQL, for as long as it would else say nothing.

Who holds a lock, or that a COMMIT waits for a standby that is gone: the server tells another session.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.secret_text import without_secrets
from migration.target.session_waits import lock_in_words, wait_in_words
from migration.target.target_connection import make_engine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection, Engine

_LOOK_SECONDS: Final = 1.5
_WAITING: Final = """
SELECT a.pid, a.wait_event_type, a.wait_event, pg_catalog.pg_blocking_pids(a.pid) FROM pg_catalog.pg_stat_activity a
WHERE a.application_name = '{name}' AND a.usename = current_user AND a.state = 'active'
  AND a.wait_event_type IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
"""


def session_name() -> str:
    """Return the `application_name` of this command's sessions, by which its waits are found."""
    return f"convoy cli {os.getpid()}"


@contextmanager
def server_waits_told(url: str) -> Iterator[None]:
    """Look, while the block lasts, what a session of `session_name` waits for; say each thing once.

    Args:
        url: of the target, with its password.
    """
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=[url, over], name="server waits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _watch(url: str, over: threading.Event) -> None:
    if over.wait(_LOOK_SECONDS):
        return  # as nearly always: no connection is opened
    engine = make_engine(url, "convoy cli server waits")
    try:
        _tell(engine, over)
    except (DBAPIError, ConvoyError):
        return  # the command itself says what is wrong
    finally:
        engine.dispose()


def _tell(engine: Engine, over: threading.Event) -> None:
    told: set[str] = set()
    before: set[tuple[int, str, str]] = set()
    while not over.is_set():
        with engine.connect() as connection:
            found = _waits(connection, before)
        before = set(found)
        for words in found.values():
            if words and words not in told and not over.is_set():
                told.add(words)
                click.echo(without_secrets(f"Waiting for {words}."), err=True)
        over.wait(_LOOK_SECONDS)


def _waits(connection: Connection, before: set[tuple[int, str, str]]) -> dict[tuple[int, str, str], str]:
    """Return the waits of this command's sessions, in words where they are locks, or were there before."""

    def ask(statement: str) -> Sequence[Any]:
        return connection.execute(text(statement)).all()

    waits = {}
    for process, kind, name, blocking in ask(_WAITING.format(name=session_name())):
        wait = (int(process), str(kind), str(name))
        waits[wait] = ""
        if kind == "Lock":
            waits[wait] = lock_in_words(ask, blocking)
        elif wait in before:
            waits[wait] = wait_in_words(ask, kind, name)
    return waits
