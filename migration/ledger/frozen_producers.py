"""Who moves runs on, and whether it lives: as PostgreSQL itself sees the producers' connections.

A producer holds the advisory lock of the run that it moves, and one while it looks at all runs. Its watchdog says a
word to PostgreSQL every `watchdog_seconds`, so a producer that is stopped (SIGSTOP, a frozen container, a machine
without memory) says none, and would keep its locks for ever: others end its connections.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from sqlalchemy import Connection, text

PRODUCER_PREFIX: Final = "convoy producer "
_LONGEST_NAME: Final = 63
"""PostgreSQL's limit for the name of an application, in bytes."""

_END_SILENT: Final = text(
    """
    WITH producers AS (
        SELECT a.application_name, a.usename,
               max(greatest(a.query_start, a.state_change, a.backend_start)) AS sign,
               bool_or(a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Client') AS is_served
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = current_database() AND starts_with(a.application_name, :prefix)
        GROUP BY a.application_name, a.usename
    ), silent AS (
        SELECT p.* FROM producers p
        WHERE NOT p.is_served AND p.sign < clock_timestamp() - make_interval(secs => :silence)
          AND EXISTS (
              SELECT FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND l.granted
              WHERE a.datname = current_database() AND a.application_name = p.application_name
                AND a.usename = p.usename AND l.locktype IN ('advisory', 'transactionid'))
    )
    SELECT s.application_name, count(pg_catalog.pg_terminate_backend(a.pid))
    FROM silent s JOIN pg_catalog.pg_stat_activity a
      ON a.datname = current_database() AND a.application_name = s.application_name AND a.usename = s.usename
    WHERE a.pid <> pg_catalog.pg_backend_pid()
    GROUP BY s.application_name
    """
)

_CONNECTED: Final = text(
    """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
                   WHERE datname = current_database() AND starts_with(application_name, :prefix))
    """
)


def producer_session() -> str:
    """Return what PostgreSQL calls the connections of this process: machine and process id tell producers apart."""
    suffix = f":{os.getpid()}"
    return f"{PRODUCER_PREFIX}{socket.gethostname()[: _LONGEST_NAME - len(PRODUCER_PREFIX) - len(suffix)]}{suffix}"


def is_producer_connected(connection: Connection) -> bool:
    """Return whether any producer has a connection to this database: without one, no run moves on."""
    return bool(connection.execute(_CONNECTED, {"prefix": PRODUCER_PREFIX}).scalar_one())


def end_silent_producers(connection: Connection, silence_seconds: float) -> list[str]:
    """End all connections of producers that hold a lock and have been silent for so long; return their names.

    What such a producer had not committed is rolled back, and its locks are free. Should it come to itself, it finds
    its connections closed, and each of its transitions looks again where the run is.
    """
    found = connection.execute(_END_SILENT, {"prefix": PRODUCER_PREFIX, "silence": silence_seconds})
    return [name for name, _ in found]
