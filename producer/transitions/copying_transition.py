"""After copying: conservation, the findings of what was lost, and the steps of what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.step_records import add_steps
from migration.ledger.table_records import read_tables
from migration.model import Mode, Phase
from migration.steps.index_build_step import index_steps
from producer.transitions.foreseen_merges import save_foreseen_merges
from producer.transitions.foreseen_objects import save_refused_objects
from producer.transitions.loss_findings import add_losses
from producer.transitions.readback_layout import lay_out_validating
from producer.transitions.row_conservation import check_conservation
from producer.transitions.run_end import completed
from producer.transitions.staged_proof import guard_staged, note_copied

if TYPE_CHECKING:
    from migration.ledger.run_transition import LockedRun
    from producer.transitions.transition_context import TransitionContext


def finish_copying(_context: TransitionContext, locked: LockedRun, _prepared: None) -> Phase:
    """Check conservation, then lay out the indexing and the reading back; a dry-run ends here.

    Raises:
        InternalError: rows are neither loaded nor in quarantine.
        MergeConflictError: a dry-run finds rows that differ from those that stand under their keys.
    """
    connection, run = locked.connection, locked.record
    tables = read_tables(connection, run.id)
    check_conservation(connection, tables)
    add_losses(connection, run, tables)
    if run.options.mode is Mode.DRY_RUN:
        save_refused_objects(connection, run, tables)
        save_foreseen_merges(connection, run, tables)
        return completed(connection, run)
    guard_staged(connection, run, tables)
    note_copied(connection, run)
    add_steps(connection, run.id, Phase.INDEXING, index_steps(tables, run.options.workers))
    if not run.options.skip_validation:
        lay_out_validating(connection, run, tables)
    return Phase.INDEXING
