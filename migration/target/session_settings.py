"""The state that each of Convoy's sessions begins with, whatever role, database or environment carry.

A role or database may carry other defaults (ALTER ROLE ... SET): what a run writes and reads must not depend on them.
https://www.postgresql.org/docs/current/runtime-config-client.html
"""

from __future__ import annotations

from typing import Final

_CHECK_INTERVAL_SINCE: Final = 140_000  # client_connection_check_interval came with PostgreSQL 14

_SETTINGS: Final = {
    # How values look as text, and how text is read.
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "array_nulls": "on",
    # How statements are read, and names written.
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    # What a transaction is, and what may end it.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Questions to the catalog are long and quickly answered: to compile them takes longer, with locks in hand.
    "jit": "off",
    # A row that a policy hides would be counted as missing: better to be refused.
    "row_security": "off",
}

# Each would end a session that waits on purpose: for a snapshot, for the next step, for a user's lock.
_TIMEOUTS_SINCE: Final = {"idle_session_timeout": 140_000, "transaction_timeout": 170_000}

# A worker of a forced parallel plan does not know what a session began with: its reset values are the server's.
_FORCED_PLANS: Final = "debug_parallel_query"
_FORCED_PLANS_BEFORE: Final = "force_parallel_mode"
_FORCED_PLANS_SINCE: Final = 160_000


def session_settings(server_version: int) -> dict[str, str]:
    """Return name → value of every setting that each session begins with; `server_version` as libpq has it, 150018."""
    settings = dict(_SETTINGS)
    settings |= {name: "0" for name, since in _TIMEOUTS_SINCE.items() if server_version >= since}
    settings[_FORCED_PLANS if server_version >= _FORCED_PLANS_SINCE else _FORCED_PLANS_BEFORE] = "off"
    if server_version >= _CHECK_INTERVAL_SINCE:
        # The server notices a killed client within a second, and its row locks go.
        settings["client_connection_check_interval"] = "1s"
    return settings


def settings_sql(settings: dict[str, str]) -> str:
    """Return one SELECT that makes these settings for the session, without parameters."""
    return "SELECT " + ", ".join(
        f"pg_catalog.set_config('{name}', '{value}', false)" for name, value in settings.items()
    )
