"""Make sure, before anything is called proved, that workers have read the very bytes that were frozen."""

from __future__ import annotations

from sqlalchemy import Connection

from migration.ledger.step_records import Step
from migration.ledger.table_records import read_sources
from migration.source.snapshots.snapshot_creation import check_unchanged
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome


def check_snapshot(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Hash the snapshot of the source that the step names; all its rows have been read by now.

    Where this host has a copy of its own, that is what is hashed; each copy was hashed when it came.

    Raises:
        SnapshotLostError: it is gone.
        SnapshotChangedError: it is not what was frozen, so nothing that was read of it counts.
    """
    source = next(s for s in read_sources(connection, step.run_id) if s.id == step.spec["source_id"])
    check_unchanged(context.snapshot_path(source), source.sha256)
    return StepOutcome({"sha256": source.sha256})
