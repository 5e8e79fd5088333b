"""After indexing: on to the comparison of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.run_records import move_run
from migration.ledger.run_results import (
    add_findings,
)
from migration.ledger.step_records import count_states
from migration.ledger.table_records import read_tables
from migration.model import Finding, FindingKind, Phase

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from migration.observers.run_happenings import PhaseEntered
    from producer.transitions.transition_context import TransitionContext
from producer.transitions.readback_layout import lay_out_validating


def finish_indexing(context: TransitionContext, run: RunRecord) -> PhaseEntered | None:
    """Go on to the comparison; much of the reading back has been done meanwhile."""
    with context.engine.begin() as connection:
        if run.options.skip_validation:
            skipped = Finding(
                FindingKind.DIGEST_MISMATCH,
                "",
                "Validation was skipped on request: nothing is proved",
                is_error=False,
            )
            add_findings(connection, run.id, [skipped])
            return move_run(connection, run, Phase.CUTTING_OVER)
        if not count_states(connection, run.id, Phase.VALIDATING):
            # The run was copied by a version that laid this out only now.
            lay_out_validating(connection, run, read_tables(connection, run.id))
        return move_run(connection, run, Phase.VALIDATING)
