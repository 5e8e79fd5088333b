"""Whether a server that has ended a session went down, as it said, or has been up all the while."""

from __future__ import annotations

import psycopg

from migration.convoy_error import ConvoyError
from migration.target.target_connection import connect

_UP_SQL = "SELECT pg_catalog.pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %s)"


def has_stayed_up(url: str, application_name: str, seconds: float) -> bool:
    """Return whether the server takes a connection at once, and was not started within the last so many seconds.

    False for one that shuts down, starts or recovers: that passes. Another server at the same address, after a
    failover, counts as one that has stayed up, unless it was started just now.
    """
    try:
        with connect(url, application_name) as connection:
            row = connection.execute(_UP_SQL, (seconds,)).fetchone()
    except (ConvoyError, psycopg.Error):
        return False
    return row is not None and bool(row[0])
