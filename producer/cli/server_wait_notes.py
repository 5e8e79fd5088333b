"""Says on stderr what a command waits for in PostgreSQL, for as long as it would else say nothing.

Who holds a lock, or that a COMMIT waits for a standby that is gone: the server tells another session. One thread looks,
from before a command opens the ledger until it has closed it, at the command's own sessions and at those of the
cluster that works for it alone. As long as the ledger answers who follows a run (`take_note_of_answer`), the run itself
says what it waits for (`migration/ledger/run_waits.py`), and nobody looks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.errors import TargetUnreachableError
from migration.secret_text import without_secrets
from migration.target.session_waits import lock_in_words, root_blockers, wait_in_words
from migration.target.target_connection import make_engine

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

Patterns = Callable[[], Sequence[str]]
"""Returns by which patterns of LIKE the sessions are found of the processes that work for a command alone."""

_LOOK_SECONDS: Final = 1.5
_AWAY_SECONDS: Final = 5.0
"""Between two tries to reach a server that the command itself does not reach."""
# What waits for a lock for less long is Convoy's own work.
_WAITING: Final = text(
    """
    SELECT a.pid, a.wait_event_type, a.wait_event, pg_catalog.pg_blocking_pids(a.pid), a.application_name = :name
    FROM pg_catalog.pg_stat_activity a
    WHERE (a.application_name = :name OR a.application_name LIKE ANY(CAST(:others AS text[])))
      AND a.usename = current_user AND a.state = 'active' AND a.wait_event_type IS NOT NULL
      AND (a.wait_event_type <> 'Lock' OR a.query_start < clock_timestamp() - interval '1 s')
      AND a.pid <> pg_catalog.pg_backend_pid()
    """
)
_OWN: Final = text(
    """
    SELECT pid FROM pg_catalog.pg_stat_activity
    WHERE application_name = :name OR application_name LIKE ANY(CAST(:others AS text[]))
    """
)


class _State:
    """Of this process, which runs one command."""

    answered: float = 0.0


def session_name() -> str:
    """Return the `application_name` of this command's sessions, by which its waits are found."""
    return f"convoy cli {os.getpid()}"


def take_note_of_answer() -> None:
    """Take note that PostgreSQL has just answered: nobody need look what is waited for."""
    _State.answered = time.monotonic()


@contextmanager
def server_waits_told(url: str, others: Patterns = tuple) -> Iterator[None]:
    """Look, while the block lasts, what the sessions of a command wait for; say each thing once.

    Args:
        url: of the target, with its password.
        others: finds sessions that wait for the command, beside those of `session_name`.
    """
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=[url, others, over], name="server waits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _watch(url: str, others: Patterns, over: threading.Event) -> None:
    engine = make_engine(url, "convoy cli server waits")
    told: set[str] = set()
    before: set[_Wait] = set()
    pause_seconds = _LOOK_SECONDS
    try:
        while not over.wait(pause_seconds):
            pause_seconds = _LOOK_SECONDS
            if time.monotonic() - _State.answered < _LOOK_SECONDS:
                continue  # as nearly always: no connection is opened
            try:
                with engine.connect() as connection:
                    found = _waits(connection, before, others())
            except (DBAPIError, TargetUnreachableError):
                pause_seconds = _AWAY_SECONDS  # the command itself says what is wrong
                continue
            before = set(found)
            for words in found.values():
                if words and words not in told and not over.is_set():
                    told.add(words)
                    click.echo(without_secrets(f"Waiting for {words}."), err=True)
    except ConvoyError:
        return  # as above; and no try will end in another way
    finally:
        engine.dispose()


_Wait = tuple[int, str, str]
"""Process id, type and name of a wait."""


def _waits(connection: Connection, before: set[_Wait], others: Sequence[str]) -> dict[_Wait, str]:
    """Return the waits of a command's sessions, in words where they are locks, or were there before."""
    names = {"name": session_name(), "others": list(others)}

    def ask(statement: str) -> Sequence[Any]:
        return connection.execute(text(statement)).all()

    own = set(connection.execute(_OWN, names).scalars())
    waits = {}
    for process, kind, name, blocking, is_command in connection.execute(_WAITING, names).all():
        wait = (int(process), str(kind), str(name))
        waits[wait] = ""
        if kind == "Lock":
            # That its processes wait for each other is their way to work.
            roots = [pid for pid in root_blockers(ask, blocking) if is_command or pid not in own]
            waits[wait] = lock_in_words(ask, roots)
        elif wait in before:
            waits[wait] = wait_in_words(ask, kind, name)
    return waits
