"""What errors of the database mean where nothing but the ledger was asked."""

from __future__ import annotations

from typing import Final

from migration.convoy_error import ConvoyError
from migration.target.own_schemas import LEDGER_SCHEMA, missing_ledger
from migration.target.postgres_errors import translate

# https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined table, schema, column
_MISSING: Final = frozenset({"42P01", "3F000", "42703"})


def is_ledger_missing(error: BaseException) -> bool:
    """Whether the server knows no such table: somebody has dropped the ledger of a process that had opened it."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _MISSING


def ledger_error(error: Exception) -> ConvoyError:
    """Return what an error of a question to the ledger amounts to."""
    return missing_ledger() if is_ledger_missing(error) else translate(error, schema=LEDGER_SCHEMA)
