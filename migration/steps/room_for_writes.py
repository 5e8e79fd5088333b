"""Writes to a ledger whose disk is full: tried again until there is room, by the process that has something to write.

Nothing is lost meanwhile, and nobody else could do it sooner. The ledger cannot say that it is full, so PostgreSQL's
memory does (`migration.ledger.disk_room_notices`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from migration.full_disk_errors import DiskFullError
from migration.steps.step_context import StepContext
from migration.target.postgres_errors import translate

logger = logging.getLogger(__name__)

T = TypeVar("T")


def once_there_is_room(context: StepContext, run_id: str | None, write: Callable[[], T]) -> T:
    """Return what `write` returns, a transaction of its own; wait and call it again as long as the disk is full."""
    while True:
        try:
            return write()
        except DBAPIError as error:
            reason = translate(error)
            if not isinstance(reason, DiskFullError):
                raise
            if not context.disturbances:
                logger.warning("The ledger cannot be written to. %s", reason)
            context.await_room(reason, run_id)
