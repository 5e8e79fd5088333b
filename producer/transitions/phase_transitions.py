"""What follows each phase, as a table, and the one function that goes from a phase to the next."""

from __future__ import annotations

from migration.convoy_error import ConvoyError
from migration.errors import TransitionLostError
from migration.ledger.run_records import RunRecord
from migration.ledger.run_requests import enter_failed
from migration.ledger.run_transition import LockedRun, transition
from migration.model import Phase
from migration.observers.run_happenings import RunMoveFailed
from producer.transitions.copying_transition import finish_copying
from producer.transitions.cutover_transition import bring_snapshots, finish_cutting_over
from producer.transitions.indexing_transition import finish_indexing
from producer.transitions.profiling_transition import finish_profiling, wait_for_snapshots
from producer.transitions.snapshotting_transition import finish_snapshotting, freeze_sources, start_flushes
from producer.transitions.transition_context import Transition, TransitionContext
from producer.transitions.validating_transition import compare_sides, finish_validating


def _finish_pending(_context: TransitionContext, _locked: LockedRun, _prepared: None) -> Phase:
    return Phase.SNAPSHOTTING


TRANSITIONS: dict[Phase, Transition] = {
    Phase.PENDING: Transition(_finish_pending),
    Phase.SNAPSHOTTING: Transition(finish_snapshotting, prepare=freeze_sources, after=start_flushes),
    Phase.PROFILING: Transition(finish_profiling, prepare=wait_for_snapshots),
    Phase.COPYING: Transition(finish_copying),
    Phase.INDEXING: Transition(finish_indexing),
    Phase.VALIDATING: Transition(finish_validating, prepare=compare_sides),
    Phase.CUTTING_OVER: Transition(finish_cutting_over, prepare=bring_snapshots),
}


def move_on(context: TransitionContext, run: RunRecord) -> bool:
    """Do what lies between the phase of a run and the next, and enter that.

    Returns:
        Whether the run was moved by this call, to a phase or to its end.

    Raises:
        ConvoyError: what the transition raises; nothing of it stays.
    """
    steps = TRANSITIONS[run.phase]
    prepared = steps.prepare(context, run)
    try:
        with transition(context.engine, run.id, context.observers) as locked:
            locked.expect(run.phase)
            following = steps.apply(context, locked, prepared)
            if isinstance(following, ConvoyError):
                locked.happenings.append(RunMoveFailed(run.id, run.phase, str(following), None, final=True))
                enter_failed(locked, following)
            else:
                locked.enter(following)
    except TransitionLostError:
        return False
    steps.after(context, run, prepared)
    return True
