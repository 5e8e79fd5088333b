"""Where a run goes that came through: to its cutover or a hold before it, and to which end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.run_results import (
    count_findings,
    count_quarantined,
)
from migration.model import Phase
from producer.transitions.first_writes import foresee_first_writes
from producer.transitions.loss_findings import add_skipped

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord


def before_cutover(connection: Connection, run: RunRecord) -> Phase:
    """Return what follows once the rows are staged and proved: with a hold, nothing by itself.

    Whoever looks at a held run is to see all that its end will count: what a cutover adds, it alone can know.
    """
    if not run.options.hold:
        return Phase.CUTTING_OVER
    add_skipped(connection, run)
    foresee_first_writes(connection, run)
    return Phase.READY


def completed(connection: Connection, run: RunRecord) -> Phase:
    """Return the phase of a completed run: with findings where anything differs or was quarantined.

    Advice, and what was signed for, does not count.
    """
    add_skipped(connection, run)
    if count_findings(connection, run.id, ignored=run.options.ignore) or count_quarantined(
        connection, run.id
    ):
        return Phase.COMPLETED_WITH_FINDINGS
    return Phase.COMPLETED
