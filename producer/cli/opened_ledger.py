"""The ledger of a command: opened, and closed again; what the command waits for meanwhile is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def opened_ledger(
    url: str, others: Callable[[], Sequence[str]] = tuple, *, may_make: bool = True
) -> Iterator[Engine]:
    """Yield an engine on the ledger of a target.

    Args:
        url: of the target, with its password.
        others: finds the sessions of processes that work for the command alone (`server_waits_told`).
        may_make: whether one is made where none stands; not for a command that names a run, which would not be in it.

    Raises:
        LedgerMissingError: none stands, and none may be made.
        TargetError: it cannot be reached or used.
    """
    from migration.ledger.ledger_database import open_ledger
    from producer.cli.server_wait_notes import server_waits_told, session_name, take_note_of_answer

    with server_waits_told(url, others):
        engine = open_ledger(url, session_name(), may_make=may_make)
        take_note_of_answer()
        try:
            yield engine
        finally:
            engine.dispose()
