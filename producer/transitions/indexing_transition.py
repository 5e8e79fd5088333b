"""After indexing: on to the comparison of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.run_results import add_findings
from migration.ledger.step_records import count_states
from migration.ledger.table_records import read_tables
from migration.model import Finding, FindingKind, Phase
from producer.transitions.readback_layout import lay_out_validating
from producer.transitions.run_end import before_cutover

if TYPE_CHECKING:
    from migration.ledger.run_transition import LockedRun
    from producer.transitions.transition_context import TransitionContext


def finish_indexing(_context: TransitionContext, locked: LockedRun, _prepared: None) -> Phase:
    """Go on to the comparison; much of the reading back has been done meanwhile."""
    connection, run = locked.connection, locked.record
    if run.options.skip_validation:
        skipped = Finding(
            FindingKind.DIGEST_MISMATCH,
            "",
            "Validation was skipped on request: nothing is proved",
            is_error=False,
        )
        add_findings(connection, run.id, [skipped])
        return before_cutover(connection, run)
    if not count_states(connection, run.id, Phase.VALIDATING):
        # The run was copied by a version that laid this out only now.
        lay_out_validating(connection, run, read_tables(connection, run.id))
    return Phase.VALIDATING
