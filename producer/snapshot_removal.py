"""Removes the snapshots that no run needs any more, here and on the stage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.ledger.snapshot_uses import read_uses
from migration.settings import Settings
from migration.source.snapshots.snapshot_retention import clear, judge, list_snapshots, unfinished_copies
from migration.source.snapshots.snapshot_stage import SnapshotStage, open_stage

logger = logging.getLogger(__name__)

_SHORT_WAIT = text("SET LOCAL lock_timeout = '2s'")
"""Room on a disk can wait: a later look removes what this one has left."""


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


def prune_stage(engine: Engine, settings: Settings) -> int:
    """Remove from the stage what the ended runs of this ledger have left there, and return how many snapshots went.

    Where that fails, the rest stays: only room is lost.
    """
    try:
        stage = open_stage(settings)
        return 0 if stage is None else _prune_stage(engine, stage, settings.snapshot_retention_hours * 3600)
    except (ConvoyError, DBAPIError) as error:
        logger.warning("Snapshots on the stage cannot be removed now: %s", error)
        return 0


def _prune_stage(engine: Engine, stage: SnapshotStage, retention_seconds: float) -> int:
    on_stage = stage.list_snapshots()
    if not on_stage:
        return 0
    with engine.connect() as connection:
        uses, users = read_uses(connection, on_stage, {run for runs in on_stage.values() for run in runs})
    removed = 0
    for sha256, noted in on_stage.items():
        judgement = judge(noted, users.get(sha256, ()), uses, retention_seconds)
        stage.forget(sha256, judgement.over & noted)
        removed += judgement.is_free and stage.remove(sha256)
    if removed:
        logger.info("Removed %d snapshots from the stage that no run needs any more", removed)
    return removed


def _prune(
    engine: Engine, folder: Path, on_shelf: Mapping[str, frozenset[str]], retention_seconds: float
) -> int:
    noted = {run_id for run_ids in on_shelf.values() for run_id in run_ids}
    with engine.connect() as connection:
        connection.execute(_SHORT_WAIT)
        uses, users = read_uses(connection, on_shelf, noted)
    removed = clear(folder, uses, users, retention_seconds)
    if removed:
        logger.info("Removed %d snapshots that no run needs any more", removed)
    return removed
