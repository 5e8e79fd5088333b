"""What may be asked of a run from outside its own course: to fail, to be cancelled, to pause, to go on."""

from __future__ import annotations

from sqlalchemy import Engine, func, select, update

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import RunStateError
from migration.ledger.fresh_start import forget_all, needs_fresh_start
from migration.ledger.ledger_tables import runs, steps
from migration.ledger.run_acts import Act, Person, act_of
from migration.ledger.run_records import RunRecord
from migration.ledger.run_transition import LockedRun, transition
from migration.model import Phase, StepState
from migration.observers.run_happenings import RunFailed, RunPaused, RunResumed
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS


def fail_run(
    engine: Engine, run: RunRecord, error: ConvoyError, *, observers: Observers = STANDARD_OBSERVERS
) -> bool:
    """Stop a run without proof; `resume` goes on in the phase that it failed in.

    Returns:
        Whether it was stopped: a run that has moved on since `run` was read is left alone.
    """
    with transition(engine, run.id, observers) as locked:
        if locked.record.phase is not run.phase:
            return False
        enter_failed(locked, error)
    return True


def enter_failed(locked: LockedRun, error: ConvoyError) -> None:
    """Stop a locked run. The event `failed` keeps the error as data, too."""
    phase = locked.record.phase
    locked.enter(Phase.FAILED, resume_phase=phase.value, error=str(error))
    locked.note(RunFailed(locked.record.id, phase, error))


def request_cancel(engine: Engine, run_id: str, *, observers: Observers = STANDARD_OBSERVERS) -> None:
    """Stop a run for good: workers start no more of its steps.

    Raises:
        RunStateError: the run is at an end already.
    """
    with transition(engine, run_id, observers) as locked:
        phase = locked.record.phase
        if phase.is_end and phase is not Phase.FAILED:
            is_done = phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)
            back = NextStep("Put back what stood there before", f"migration-cli rollback {run_id}")
            raise RunStateError(
                f"The run is {phase} and cannot be cancelled",
                run=run_id,
                remedy=f"Put back what stood there before with `{back.command}`" if is_done else "",
                next_steps=(back,) if is_done else (),
            )
        locked.enter(Phase.CANCELLED)


def request_pause(engine: Engine, run_id: str, *, observers: Observers = STANDARD_OBSERVERS) -> Phase:
    """Let a run stand still until `request_resume`: workers start no more of its steps, and it enters no other phase.

    Steps that are under way are ended. A run that is paused already stays so.

    Returns:
        The phase that it stands in.

    Raises:
        RunStateError: the run is at an end already.
    """
    with transition(engine, run_id, observers) as locked:
        phase = locked.record.phase
        if phase.is_end:
            remedy = f"It stands still already; go on with `migration-cli resume {run_id}`"
            raise RunStateError(
                f"The run is {phase} and cannot be paused",
                run=run_id,
                remedy=remedy if phase is Phase.FAILED else "",
            )
        if locked.record.paused_at is None:
            locked.connection.execute(
                update(runs).where(runs.c.id == run_id).values(paused_at=func.clock_timestamp())
            )
            locked.note(RunPaused(run_id, phase))
    return phase


def request_resume(
    engine: Engine, run_id: str, *, person: Person | None = None, observers: Observers = STANDARD_OBSERVERS
) -> None:
    """Let a failed, paused or interrupted run go on where it stopped; finished steps stay finished.

    A run whose snapshot was found changed begins anew instead.

    Raises:
        RunStateError: the run is complete, cancelled or rolled back.
    """
    with transition(engine, run_id, observers) as locked:
        run = locked.record
        if run.phase.is_end and run.phase is not Phase.FAILED:
            raise RunStateError(f"The run is {run.phase}; there is nothing to resume", run=run_id)
        phase = run.phase
        if run.paused_at is not None:
            locked.connection.execute(update(runs).where(runs.c.id == run_id).values(paused_at=None))
        begins_anew = needs_fresh_start(locked.connection, run_id)
        if begins_anew and run.phase is not Phase.FAILED:
            return  # it is about to fail; a second try of that step must not succeed
        if run.phase is Phase.FAILED:
            phase = run.resume_phase or Phase.PENDING
            if begins_anew:
                forget_all(locked.connection, run)
                phase = Phase.SNAPSHOTTING
            locked.enter(phase, resume_phase=None, error=None, finished_at=None)
        lost = (
            select(steps.c.id)
            .where(steps.c.run_id == run_id, steps.c.state != StepState.DONE.value)
            .with_for_update(skip_locked=True)
        )
        locked.connection.execute(
            update(steps)
            .where(steps.c.id.in_(lost))
            .values(state=StepState.PENDING.value, attempts=0, sent_at=None, lease_expires_at=None)
        )
        locked.note(RunResumed(run_id, phase))
        locked.note(act_of(run_id, Act.RESUMED, person))
