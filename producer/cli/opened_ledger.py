"""The ledger of a command that follows no run: opened, and closed again; what it waits for meanwhile is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def opened_ledger(url: str) -> Iterator[Engine]:
    """Yield an engine on the ledger of a target.

    Args:
        url: of the target, with its password.

    Raises:
        TargetError: it cannot be reached or used.
    """
    from migration.ledger.ledger_database import open_ledger
    from producer.cli.server_wait_notes import server_waits_told, session_name

    with server_waits_told(url):
        engine = open_ledger(url, session_name())
        try:
            yield engine
        finally:
            engine.dispose()
