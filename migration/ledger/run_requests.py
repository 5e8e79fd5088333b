"""What may be asked of a run from outside its own course: to fail, to be cancelled, to pause, to go on, to cut over."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, func, select, update

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import ApplicationTableError, RunStateError
from migration.exit_status import ExitStatus
from migration.ledger.allowed_acts import RunAct, described, is_allowed
from migration.ledger.cutover_tries import CutoverTerms, forget_tries
from migration.ledger.fresh_start import forget_all, needs_fresh_start
from migration.ledger.json_encoding import to_json
from migration.ledger.ledger_tables import runs, steps
from migration.ledger.run_acts import Act, Person, act_of, of_cluster
from migration.ledger.run_records import RunRecord
from migration.ledger.run_transition import LockedRun, transition
from migration.model import Mode, Phase, StepState
from migration.observers.run_happenings import RunCutoverAsked, RunFailed, RunPaused, RunResumed
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.ways_on import way_on

_STAGED: Final = frozenset({Phase.COPYING, Phase.INDEXING, Phase.VALIDATING, Phase.CUTTING_OVER})
"""What fails here leaves something behind in the target."""


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
    if phase in _STAGED and locked.record.options.mode is Mode.MIGRATE:
        _tell_of_staged(error, locked.record)
    locked.enter(Phase.FAILED, resume_phase=phase.value, error=str(error))
    locked.note(RunFailed(locked.record.id, phase, error))


def _tell_of_staged(error: ConvoyError, run: RunRecord) -> None:
    """Let an error be one of a run that has staged tables and goes on with them, wherever it is usually found."""
    if not way_on(error.code).leads_on:
        return
    # Usually found before anything is created; what a load meets in its own rows, a rehearsal ends with as well.
    if error.exit_status == ExitStatus.UNUSABLE_INPUT and not isinstance(error, ApplicationTableError):
        error.exit_status = ExitStatus.FAILED
    if error.next_steps and not any(f" {run.id}" in step.command for step in error.next_steps):
        resume = NextStep("Go on where it stopped, once that is done", f"migration-cli resume {run.id}")
        error.next_steps = (*error.next_steps, resume)


def request_cancel(
    engine: Engine, run_id: str, *, person: Person | None = None, observers: Observers = STANDARD_OBSERVERS
) -> None:
    """Stop a run for good: workers start no more of its steps. Without a person it is this process's user who asks.

    One that has failed keeps that end, with its time and its error, and is given up: it cannot be resumed.

    Raises:
        RunStateError: the run is at an end already that nothing leads on from.
    """
    with transition(engine, run_id, observers) as locked:
        run = locked.record
        if not is_allowed(run, RunAct.CANCEL):
            is_done = is_allowed(run, RunAct.ROLLBACK)
            back = NextStep("Put back what stood there before", f"migration-cli rollback {run_id}")
            raise RunStateError(
                f"The run is {described(run)} and cannot be cancelled",
                run=run_id,
                remedy=f"Put back what stood there before with `{back.command}`" if is_done else "",
                next_steps=(back,) if is_done else (),
            )
        if run.phase is Phase.FAILED:
            values = {"given_up_at": func.clock_timestamp()}
            locked.connection.execute(update(runs).where(runs.c.id == run_id).values(values))
            locked.note(act_of(run_id, Act.GIVEN_UP, person))
        else:
            locked.enter(Phase.CANCELLED)
            locked.note(act_of(run_id, Act.CANCELLED, person))


def request_pause(
    engine: Engine, run_id: str, *, person: Person | None = None, observers: Observers = STANDARD_OBSERVERS
) -> Phase:
    """Let a run stand still until `request_resume`: workers start no more of its steps, and it enters no other phase.

    Steps that are under way are ended. A run that is paused already stays so.

    Returns:
        The phase that it stands in.

    Raises:
        RunStateError: the run is at an end already.
    """
    with transition(engine, run_id, observers) as locked:
        phase = locked.record.phase
        if not is_allowed(locked.record, RunAct.PAUSE):
            raise _no_pause(locked.record)
        if locked.record.paused_at is None:
            locked.connection.execute(
                update(runs).where(runs.c.id == run_id).values(paused_at=func.clock_timestamp())
            )
            locked.note(RunPaused(run_id, phase))
            locked.note(act_of(run_id, Act.PAUSED, person))
    return phase


def request_resume(
    engine: Engine,
    run_id: str,
    *,
    person: Person | None = None,
    cluster: str = "",
    observers: Observers = STANDARD_OBSERVERS,
) -> None:
    """Let a failed, paused or interrupted run go on where it stopped; finished steps stay finished.

    A run whose snapshot was found changed begins anew instead. One with a hold never goes on to its cutover by this.
    Where it has no snapshot yet, `cluster` alone begins it (`cluster_of_run`); empty: any that serves everybody.

    Raises:
        RunStateError: the run is complete, cancelled or rolled back, or is held before its cutover.
    """
    with transition(engine, run_id, observers) as locked:
        run = locked.record
        if run.phase is Phase.READY:
            raise _held(run_id)
        if not is_allowed(run, RunAct.RESUME):
            raise RunStateError(f"The run is {described(run)}; there is nothing to resume", run=run_id)
        phase: Phase = run.phase
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
            if phase is Phase.CUTTING_OVER and run.options.hold:
                # Whoever held the run is asked again: a cutover that failed was stopped, or others were in its way.
                locked.enter(Phase.READY, resume_phase=None, error=None)
                locked.note(act_of(run_id, Act.RESUMED, person, of_cluster(cluster)))
                return
            locked.enter(phase, resume_phase=None, error=None, finished_at=None)
        lost = (
            select(steps.c.id)
            .where(steps.c.run_id == run_id, steps.c.state != StepState.DONE.value)
            .with_for_update(skip_locked=True)
        )
        locked.connection.execute(
            update(steps)
            .where(steps.c.id.in_(lost))
            .values(
                state=StepState.PENDING.value,
                attempts=0,
                sent_at=None,
                finished_at=None,
                lease_expires_at=func.clock_timestamp(),
            )
        )
        forget_tries(locked.connection, run_id)
        locked.note(RunResumed(run_id, phase))
        locked.note(act_of(run_id, Act.RESUMED, person, of_cluster(cluster)))


def request_cutover(
    engine: Engine,
    run_id: str,
    terms: CutoverTerms | None = None,
    *,
    person: Person | None = None,
    observers: Observers = STANDARD_OBSERVERS,
) -> None:
    """Let the cutover of a run begin that is held before it, or whose cutover has failed or waits.

    What the target is like now is checked again by the cutover itself.

    Args:
        engine: of the ledger.
        run_id: a full id.
        terms: what replaces the run's own options; None leaves them.
        person: who asks for it; None: the user of this process.
        observers: who is told.

    Raises:
        RunStateError: the run is not as far, or past it.
    """
    with transition(engine, run_id, observers) as locked:
        run = locked.record
        if not is_allowed(run, RunAct.CUTOVER):
            raise _no_cutover(run)
        if terms is not None:
            options = to_json(terms.of(run.options))
            locked.connection.execute(update(runs).where(runs.c.id == run_id).values(options=options))
        if run.phase is Phase.CUTTING_OVER:
            locked.connection.execute(update(runs).where(runs.c.id == run_id).values(paused_at=None))
            forget_tries(locked.connection, run_id)
        else:
            locked.enter(Phase.CUTTING_OVER, resume_phase=None, error=None, finished_at=None)
        locked.note(RunCutoverAsked(run_id))
        locked.note(act_of(run_id, Act.CUTOVER_ASKED, person))


def _no_cutover(run: RunRecord) -> RunStateError:
    steps: tuple[NextStep, ...] = ()
    if run.phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS):
        remedy = "Its tables are in place already" if run.cutover else "It was no migration"
    elif run.phase is Phase.FAILED and run.can_go_on:
        steps = (NextStep("Go on where it stopped", f"migration-cli resume {run.id}"),)
        remedy = f"Go on with `{steps[0].command}`"
    elif run.phase.is_end:
        remedy = "Start a new run"
    else:
        steps = (NextStep("Follow it to its end", f"migration-cli status {run.id} --follow"),)
        remedy = f"It is not proved yet; follow it with `{steps[0].command}`"
    return RunStateError(
        f"The run is {described(run)} and cannot be cut over", run=run.id, remedy=remedy, next_steps=steps
    )


def _no_pause(run: RunRecord) -> RunStateError:
    what = f"The run is {described(run)} and cannot be paused"
    if not run.can_go_on:
        return RunStateError(what, run=run.id)
    if run.phase is Phase.READY or run.goes_on_by == "cutover":
        on = NextStep("Put its tables in place", f"migration-cli cutover {run.id}")
    else:
        on = NextStep("Go on where it stopped", f"migration-cli resume {run.id}")
    return RunStateError(
        what, run=run.id, remedy=f"It stands still already; go on with `{on.command}`", next_steps=(on,)
    )


def _held(run_id: str) -> RunStateError:
    steps = (
        NextStep("Put its tables in place", f"migration-cli cutover {run_id}"),
        NextStep("Give up and remove what it has staged", f"migration-cli cancel {run_id}"),
    )
    return RunStateError(
        "The run is ready and held before its cutover; there is nothing to resume",
        run=run_id,
        remedy=f"Put its tables in place with `{steps[0].command}`",
        next_steps=steps,
    )
