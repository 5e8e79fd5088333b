"""The schemas that Convoy makes for itself, and what it means where the server does not find the ledger's.

Whichever process asks (producer, worker, watchdog, API, command), the server refuses in the same words: one error.
"""

from __future__ import annotations

import re
import uuid
from typing import Final, Unpack

from sqlalchemy.exc import DBAPIError

from migration.convoy_error import NextStep, Place
from migration.version_errors import LedgerMissingError

LEDGER_SCHEMA: Final = "convoy"

# https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined table, invalid schema name, undefined column
_UNDEFINED_TABLE: Final = "42P01"
_INVALID_SCHEMA: Final = "3F000"
_UNDEFINED_COLUMN: Final = "42703"
# The server's words may be translated; the names in them are not.
_NAMED: Final = re.compile(rf'(?<![\w.]){LEDGER_SCHEMA}"?\."?\w|"{LEDGER_SCHEMA}"')


def staging_schema_of(run_id: str) -> str:
    """Return the schema in which a run copies, as its record has it; empty for what is no whole id."""
    return _schema_of(run_id, "staging")


def previous_schema_of(run_id: str) -> str:
    """Return the schema in which a run keeps what it has replaced; empty for what is no whole id."""
    return _schema_of(run_id, "previous")


def _schema_of(run_id: str, what: str) -> str:
    try:
        return f"convoy_{uuid.UUID(run_id).hex}_{what}"
    except ValueError:
        return ""


def speaks_of_missing_ledger(error: BaseException) -> bool:
    """Tell whether the server lacks a table or column of the ledger: renamed, dropped, or not in a restored backup."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    if state in {_UNDEFINED_TABLE, _INVALID_SCHEMA}:
        return (
            _NAMED.search(str(getattr(getattr(cause, "diag", None), "message_primary", None) or cause))
            is not None
        )
    # Of a column the server does not say the schema.
    statement = error.statement if isinstance(error, DBAPIError) else None
    return state == _UNDEFINED_COLUMN and _NAMED.search(statement or "") is not None


def unknown_ledger() -> LedgerMissingError:
    """Return the error of who asks for a run in a database without a ledger."""
    return LedgerMissingError(
        "There is no ledger in this database, so no run is known here",
        schema=LEDGER_SCHEMA,
        remedy="Name the target with which the run was started. Where somebody has renamed the ledger's schema, name"
        f" it {LEDGER_SCHEMA} again; where it was dropped, restore it from a backup",
    )


def missing_ledger(**place: Unpack[Place]) -> LedgerMissingError:
    """Return the error of a ledger that is away, wholly or in part, with what leads on.

    Args:
        place: what was worked on. A whole id of a run lets the error name what that has staged.
    """
    what = "The ledger is not in this database any more, or not whole"
    place["schema"] = LEDGER_SCHEMA
    run_id = place.get("run", "")
    staging = staging_schema_of(run_id)
    back = (
        f"Where somebody has renamed its schema, name it {LEDGER_SCHEMA} again; or restore it from a backup"
    )
    if not staging:
        return LedgerMissingError(
            what,
            remedy=f"{back}; or start API, producer and workers again: the first of them makes an empty one",
            **place,
        )
    on = NextStep("Go on, once the ledger is back", f"migration-cli resume {run_id}")
    drop = NextStep(
        "Where the ledger is lost for good: see and drop what the run has staged", "migration-cli cleanup"
    )
    return LedgerMissingError(
        what,
        remedy=f"{back}, and go on with `{on.command}`. Where it is lost for good, nobody knows the"
        f" run: what that has staged, if anything, stands in schema {staging}, which `{drop.command}` drops",
        next_steps=(on, drop),
        **place,
    )
