"""What errors of the database mean where the ledger was asked."""

from __future__ import annotations

from typing import Final

from migration.convoy_error import ConvoyError
from migration.ledger.ledger_tables import LEDGER_SCHEMA
from migration.target.postgres_errors import translate
from migration.version_errors import LedgerMissingError

# https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined table, schema
_MISSING: Final = frozenset({"42P01", "3F000"})


def is_ledger_missing(error: BaseException) -> bool:
    """Whether the server knows no such table: somebody has dropped the ledger of a process that had opened it."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _MISSING


def ledger_error(error: Exception) -> ConvoyError:
    """Return what an error of a question to the ledger amounts to."""
    if not is_ledger_missing(error):
        return translate(error, schema=LEDGER_SCHEMA)
    return LedgerMissingError(
        "The ledger is not in this database any more",
        schema=LEDGER_SCHEMA,
        remedy="Restore it from a backup, or start API, producer and workers again: the first of them makes an"
        " empty one",
    )
