"""Says on stderr who holds the lock that a command waits for, for as long as it would else say nothing."""

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
from migration.ledger.hung_workers_and_lock_waits import describe_sessions
from migration.target.target_connection import make_engine
from producer.cli.output.error_output import without_passwords

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LOOK_SECONDS: Final = 1.5
_BLOCKING: Final = text(
    "SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(a.pid)) FROM pg_catalog.pg_stat_activity a"
    " WHERE a.application_name = :name AND a.usename = current_user AND a.wait_event_type = 'Lock'"
)


def session_name() -> str:
    """Return the `application_name` of this command's sessions, by which its waits are found."""
    return f"convoy cli {os.getpid()}"


@contextmanager
def lock_waits_told(url: str) -> Iterator[None]:
    """Look, while the block lasts, whether a session of `session_name` waits for a lock; say once for whose.

    Args:
        url: of the target, with its password.
    """
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=[url, over], name="lock-waits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _watch(url: str, over: threading.Event) -> None:
    told: set[str] = set()
    if over.wait(_LOOK_SECONDS):
        return  # as nearly always: no connection is opened
    engine = make_engine(url, "convoy cli lock waits")
    try:
        while not over.is_set():
            with engine.connect() as connection:
                line = _line(connection)
            if line and line not in told and not over.is_set():
                told.add(line)
                click.echo(without_passwords(line), err=True)
            over.wait(_LOOK_SECONDS)
    except (DBAPIError, ConvoyError):
        return  # the command itself says what is wrong
    finally:
        engine.dispose()


def _line(connection: Connection) -> str:
    pids = [int(pid) for pid in connection.execute(_BLOCKING, {"name": session_name()}).scalars()]
    sessions = describe_sessions(connection, pids)
    return f"Waiting for a lock that is held by {' and '.join(sessions)}." if sessions else ""
