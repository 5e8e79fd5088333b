"""How many connections the server, the database and the role allow, how many are in use, and what lifts a limit.

https://www.postgresql.org/docs/current/sql-alterrole.html: superusers, and a limit of -1, have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

_LIMITS: Final = """
SELECT CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END,
       CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END,
       current_setting('max_connections')::int,
       CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int END,
       count(*) FILTER (WHERE a.usename = r.rolname),
       count(*) FILTER (WHERE a.datname = d.datname),
       count(*) FILTER (WHERE a.backend_type = 'client backend'),
       -- Names of others' sessions are hidden from the role.
       count(*) FILTER (WHERE a.usename = r.rolname AND a.datname = d.datname AND a.application_name LIKE 'convoy%'),
       pg_catalog.quote_ident(r.rolname), pg_catalog.quote_ident(d.datname)
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d, pg_catalog.pg_stat_activity a
WHERE r.rolname = session_user AND d.datname = current_database()
GROUP BY r.rolsuper, r.rolconnlimit, r.rolname, d.datconnlimit, d.datname
"""
_OF_A_WORKER: Final = 2
"""The ledger with COPY, and reading back."""
_OF_THE_REST: Final = 8
"""The command and its look at what it waits for; transitions, watchdog and signs of presence of the producer; signs of
presence of the workers, and a step of more than 20 s."""


@dataclass(frozen=True, slots=True)
class ConnectionLimit:
    """`whose` has the limit: ``the role loader``. `lift` is the SQL that raises it to what is wanted beside others."""

    whose: str
    most: int
    used: int
    lift: str

    @property
    def room(self) -> int:
        """Connections that can still be opened."""
        return max(self.most - self.used, 0)


def needed_connections(workers: int) -> int:
    """Return how many connections a run needs whose cluster its command starts.

    >>> needed_connections(4)
    16
    """
    return _OF_A_WORKER * workers + _OF_THE_REST


def connection_limits(ask: Callable[[str], Sequence[Any]], wanted: int) -> list[ConnectionLimit]:
    """Return the limits that there are, the one with the least room first.

    Args:
        ask: runs a statement in a session of the role and returns its rows.
        wanted: connections that are to be allowed, for what lifts a limit.
    """
    found = ask(_LIMITS)
    if not found:  # session_user is no role any more
        return []
    of_role, of_database, of_server, reserved, by_role, by_database, by_server, own, role, database = found[0]
    limits = [
        ConnectionLimit(
            f"the role {role}",
            of_role,
            by_role,
            f"ALTER ROLE {role} CONNECTION LIMIT {by_role - own + wanted}",
        ),
        ConnectionLimit(
            f"the database {database}",
            of_database,
            by_database,
            f"ALTER DATABASE {database} CONNECTION LIMIT {by_database - own + wanted}",
        ),
        ConnectionLimit(
            "the server (max_connections)",
            of_server - reserved,
            by_server,
            f"ALTER SYSTEM SET max_connections = {by_server - own + wanted + reserved}; then restart the server",
        ),
    ]
    return sorted((limit for limit in limits if limit.most >= 0), key=lambda limit: limit.room)
