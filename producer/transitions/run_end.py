"""In which phase a run that came through ends."""

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


def completed(connection: Connection, run: RunRecord) -> Phase:
    """Return the phase of a completed run: with findings where anything differs or was quarantined; advice is none."""
    if count_findings(connection, run.id, ignored=run.options.ignore) or count_quarantined(
        connection, run.id
    ):
        return Phase.COMPLETED_WITH_FINDINGS
    return Phase.COMPLETED
