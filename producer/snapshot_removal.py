"""Removes the snapshots that no run needs any more."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from migration.ledger.snapshot_uses import read_uses
from migration.source.snapshots.snapshot_retention import clear, list_snapshots, unfinished_copies

logger = logging.getLogger(__name__)


def prune_snapshots(engine: Engine, folder: Path, retention_hours: float) -> int:
    """Remove what the ended runs of this ledger have left in the folder of snapshots, and return how many went.

    Where that fails, the folder is left as it is: only room is lost.
    """
    on_shelf = list_snapshots(folder)
    if not on_shelf and not unfinished_copies(folder):
        return 0
    try:
        return _prune(engine, folder, on_shelf, retention_hours * 3600)
    except (OSError, DBAPIError) as error:
        logger.warning("Snapshots in %s cannot be removed now: %s", folder, error)
        return 0


def _prune(
    engine: Engine, folder: Path, on_shelf: Mapping[str, frozenset[str]], retention_seconds: float
) -> int:
    noted = {run_id for run_ids in on_shelf.values() for run_id in run_ids}
    with engine.connect() as connection:
        uses, users = read_uses(connection, on_shelf, noted)
    removed = clear(folder, uses, users, retention_seconds)
    if removed:
        logger.info("Removed %d snapshots that no run needs any more", removed)
    return removed
