"""Signs of life of a process while it works on one step for long.

A thread of its own says a word to PostgreSQL now and then, on a connection that is opened only once a step has lasted
so long: the many steps that take seconds cost none. A process that is stopped stops saying it, and the watchdog ends
its connections (migration.ledger.hung_workers_and_lock_waits).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from migration.convoy_error import ConvoyError
from migration.target.target_connection import connect

if TYPE_CHECKING:
    import psycopg


@contextmanager
def keepalive(url: str, application_name: str, every_seconds: float) -> Iterator[None]:
    """Give a sign of life every so often while the block runs; PostgreSQL may be away for a while."""
    ended = threading.Event()
    threading.Thread(
        target=_keep_alive,
        args=(ended, url, application_name, every_seconds),
        name="signs of life",
        daemon=True,
    ).start()
    try:
        yield
    finally:
        ended.set()


def _keep_alive(ended: threading.Event, url: str, application_name: str, every_seconds: float) -> None:
    import psycopg

    connection: psycopg.Connection | None = None
    try:
        while not ended.wait(every_seconds):
            try:
                if connection is None:
                    connection = connect(url, application_name)
                    connection.autocommit = True
                connection.execute("SELECT 1")
            except (ConvoyError, psycopg.Error):
                _close(connection)
                connection = None
    finally:
        _close(connection)


def _close(connection: psycopg.Connection | None) -> None:
    if connection is not None:
        with suppress(Exception):
            connection.close()
