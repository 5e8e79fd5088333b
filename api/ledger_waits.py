"""What keeps the ledger from answering a request, as PostgreSQL tells it on another connection, within a bound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg

from migration.convoy_error import ConvoyError
from migration.target.session_bounds import SessionBounds
from migration.target.session_waits import waits_of_process
from migration.target.target_connection import connect

_LOOK: Final = SessionBounds(connect_seconds=2, statement_seconds=1, lock_seconds=0.5)
_WAITING: Final = """
SELECT pid FROM pg_catalog.pg_stat_activity
WHERE application_name = '{name}' AND usename = current_user AND datname = current_database()
  AND state = 'active' AND wait_event_type IN ('Lock', 'IPC')
"""


def wait_of_sessions(url: str, application_name: str) -> str:
    """Return what sessions of this name wait for, as words after "waits for"; empty: nothing that is known.

    Args:
        url: of the target, with its password.
        application_name: of the sessions.
    """
    with (
        suppress(ConvoyError, psycopg.Error),
        connect(url, f"{application_name} waits", bounds=_LOOK) as other,
    ):
        ask = _asking(other)
        for (process,) in ask(_WAITING.format(name=application_name)):
            if found := waits_of_process(ask, process):
                return found
    return ""


def _asking(connection: psycopg.Connection[Any]) -> Any:
    def ask(statement: str) -> Sequence[Any]:
        return connection.execute(statement.encode()).fetchall()

    return ask
