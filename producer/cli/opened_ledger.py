"""The ledger of a command that follows no run: opened, and closed again; what it waits for meanwhile is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def opened_ledger(url: str, *, may_make: bool = True) -> Iterator[Engine]:
    """Yield an engine on the ledger of a target.

    Args:
        url: of the target, with its password.
        may_make: whether one is made where none stands; not for a command that names a run, which would not be in it.

    Raises:
        LedgerMissingError: none stands, and none may be made.
        TargetError: it cannot be reached or used.
    """
    from migration.ledger.ledger_database import open_ledger
    from producer.cli.server_wait_notes import server_waits_told, session_name

    with server_waits_told(url):
        engine = open_ledger(url, session_name(), may_make=may_make)
        try:
            yield engine
        finally:
            engine.dispose()
