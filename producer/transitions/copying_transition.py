"""After copying: conservation, the findings of lossy transforms, and the steps of what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.run_results import (
    add_findings,
    read_transform_totals,
)
from migration.ledger.step_records import add_steps
from migration.ledger.table_records import TableRecord, read_sources, read_tables
from migration.mapping_file.accepted_losses import is_requested
from migration.model import Finding, FindingKind, Mode, Phase
from migration.steps.index_build_step import index_steps
from migration.value_conversion.rules import RULES
from producer.transitions.readback_layout import lay_out_validating
from producer.transitions.row_conservation import check_conservation
from producer.transitions.run_end import completed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from producer.transitions.transition_context import TransitionContext


def finish_copying(_context: TransitionContext, locked: LockedRun, _prepared: None) -> Phase:
    """Check conservation, then lay out the indexing and the reading back; a dry-run ends here.

    Raises:
        InternalError: rows are neither loaded nor in quarantine.
    """
    connection, run = locked.connection, locked.record
    tables = read_tables(connection, run.id)
    check_conservation(connection, tables)
    add_findings(connection, run.id, _lossy_transforms(connection, run, tables))
    if run.options.mode is Mode.DRY_RUN:
        return completed(connection, run)
    add_steps(connection, run.id, Phase.INDEXING, index_steps(tables, run.options.workers))
    if not run.options.skip_validation:
        lay_out_validating(connection, run, tables)
    return Phase.INDEXING


def _lossy_transforms(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> list[Finding]:
    """Return a finding for each column that lost something which nobody has asked to lose."""
    names = {table.id: table.name for table in tables}
    asked = {
        (table.id, column.name): column.override
        for source in read_sources(connection, run.id)
        for declared in source.schema.tables
        for table in tables
        if table.source_id == source.id and table.name == declared.name
        for column in declared.columns
    }
    lossy = {rule.transform for rule in RULES.values() if rule.lossy}
    return [
        Finding(
            FindingKind.LOSSY_TRANSFORM,
            names[table_id],
            f"{count} values lost something to the transform {transform}",
            column=column,
            is_error=False,
        )
        for (table_id, column, transform), count in read_transform_totals(connection, run.id).items()
        if transform in lossy and not is_requested(transform, asked.get((table_id, column)))
    ]
