"""Where a run goes that came through: to its cutover or a hold before it, and to which end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.run_results import (
    count_findings,
    count_quarantined,
)
from migration.model import Phase

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord


def before_cutover(run: RunRecord) -> Phase:
    """Return what follows once the rows are staged and proved: with a hold, nothing by itself."""
    return Phase.READY if run.options.hold else Phase.CUTTING_OVER


def completed(connection: Connection, run: RunRecord) -> Phase:
    """Return the phase of a completed run: with findings where anything was found or quarantined."""
    if count_findings(connection, run.id) or count_quarantined(connection, run.id):
        return Phase.COMPLETED_WITH_FINDINGS
    return Phase.COMPLETED
