"""Which setting an error speaks of, where it is set from, and what to type: PostgreSQL itself knows.

A new session is asked, since the settings of role and database are those of sessions that begin after them.
https://www.postgresql.org/docs/current/view-pg-settings.html
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import psycopg

from migration.convoy_error import ConvoyError, NextStep
from migration.target.connection_pool import is_of_session
from migration.target.postgres_errors import state_of
from migration.target.session_bounds import SessionBounds
from migration.target.target_connection import connect

_ASKING: Final = SessionBounds(connect_seconds=3, statement_seconds=3, lock_seconds=1)
_NAME: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_SETTINGS: Final = """
SELECT s.name, pg_catalog.current_setting(s.name), s.source, s.context, session_user, current_database()
FROM pg_catalog.pg_settings s WHERE s.name = ANY(%s) ORDER BY s.name
"""
_OF_STATE: Final = {"54001": "max_stack_depth"}
"""Names of settings that the server may leave out of its words."""
_FREE: Final = {"temp_file_limit": "-1"}
"""Values without a limit, of settings that have one."""


def explain_limit(error: ConvoyError, cause: Exception, url: str) -> None:
    """Add to an error which setting it is due to, where that is set from, and what lifts it, as far as is known.

    Args:
        error: what becomes of the run; changed in place.
        cause: what was caught.
        url: of the target, with its password.
    """
    state = state_of(cause)
    names = {*_NAME.findall(_words(cause)), _OF_STATE.get(state, "")} - {""}
    if not is_of_session(state) or not names:
        return
    with (
        suppress(ConvoyError, psycopg.Error),  # the error says what it can without
        connect(url, "convoy settings", bounds=_ASKING) as connection,
    ):
        found = connection.execute(_SETTINGS, [sorted(names)]).fetchall()
        if not found:
            return
        name, value, source, context, role, database = found[0]
        where, lift = _origin(name, source, context, _quoted(role), _quoted(database))
        error.remedy = f"{name} is {value}, {where}; then resume the run: {lift}"
        error.next_steps = (NextStep(f"Lift {name}", lift), *error.next_steps)


def _words(cause: BaseException | None) -> str:
    """Return the server's message and hint; settings are named in them in every language."""
    words = ""
    while cause is not None:
        diagnostics = getattr(getattr(cause, "orig", cause), "diag", None)
        told = [getattr(diagnostics, part, None) for part in ("message_primary", "message_hint")]
        words += " ".join(
            part for part in [str(getattr(cause, "orig", cause)).partition("\n")[0], *told] if part
        )
        cause = cause.__cause__
    return words


def _origin(name: str, source: str, context: str, role: str, database: str) -> tuple[str, str]:
    """Return where a setting comes from, and the SQL that lifts it there."""
    value = _FREE.get(name, "VALUE")
    set_for_role = {
        "user": (f"set for the role {role}", f"ALTER ROLE {role} RESET {name}"),
        "database": (f"set for the database {database}", f"ALTER DATABASE {database} RESET {name}"),
        "database user": (
            f"set for the role {role} in the database {database}",
            f"ALTER ROLE {role} IN DATABASE {database} RESET {name}",
        ),
        "global": ("set for all roles", f"ALTER ROLE ALL RESET {name}"),
    }
    if source in set_for_role:
        return set_for_role[source]
    after = "restart the server" if context == "postmaster" else "SELECT pg_reload_conf()"
    where = {
        "configuration file": "set in the server's configuration",
        "command line": "given to the server as it was started, where it has to be changed",
        "client": "given in the target's URL or PGOPTIONS, where it has to be changed",
        "environment variable": "set in the environment of the server or client, where it has to be changed",
    }.get(source, "as the server has it by default")
    return where, f"ALTER SYSTEM SET {name} = {value}; {after}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
