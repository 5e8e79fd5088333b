"""Run one step: claim it, do its work and mark it done in one transaction, or give it back with its error."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.errors import (
    ConnectionLostError,
    RejectedValueError,
    RetryableError,
    ServerAwayError,
    StageUnreachableError,
    TargetUnreachableError,
    WorkerDiedError,
)
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.run_records import read_run
from migration.ledger.run_requests import fail_run
from migration.ledger.step_records import Step, claim, finish_step, give_back, lock_step
from migration.model import Mode, Phase
from migration.observers.run_happenings import (
    ObservedStep,
    StepAttemptFailed,
    StepClaimed,
    StepDone,
    StepGivenBack,
)
from migration.steps.copy_step import copy_chunk
from migration.steps.index_build_step import build_objects
from migration.steps.keepalive_thread import keepalive
from migration.steps.orphan_row_step import find_orphans
from migration.steps.profile_step import profile_chunk
from migration.steps.readback_step import read_back_part
from migration.steps.snapshot_check_step import check_snapshot
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome
from migration.steps.validate_step import validate_source
from migration.target.postgres_errors import translate

Work = Callable[[StepContext, Connection, Step], StepOutcome]

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
_KEEPALIVE_SECONDS = 20.0

_WORK: dict[Phase, Work] = {
    Phase.PROFILING: profile_chunk,
    Phase.COPYING: copy_chunk,
    Phase.INDEXING: build_objects,
    Phase.VALIDATING: read_back_part,
}


def run_step(context: StepContext, step_id: int) -> bool:
    """Run a step once. A step that is done, or in other hands, is left alone.

    Returns:
        Whether the step was done by this call.
    """
    with context.engine.connect() as connection:
        # One statement, and so a transaction of its own: without BEGIN and COMMIT, each a round trip.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        with connection.begin():
            step = claim(connection, step_id, context.worker, context.settings.lease_seconds)
        connection.execution_options(isolation_level="READ COMMITTED")
        if step is None:
            return False
        observed = _observed(context, step)
        context.observers.tell(StepClaimed(observed))
        if step.attempts <= context.settings.max_attempts:
            try:
                return _work_on(context, connection, step, observed)
            finally:
                context.end_step()
    died = WorkerDiedError(f"Its worker died {context.settings.max_attempts} times", step=step.id)
    _give_back(context, step, observed, died, final=True)
    return False


def _observed(context: StepContext, step: Step) -> ObservedStep:
    return ObservedStep(
        step.run_id, step.phase, step.id, step.table_id, step.chunk_id, step.attempts, context.worker
    )


def _work_on(context: StepContext, connection: Connection, step: Step, observed: ObservedStep) -> bool:
    started = time.monotonic()
    try:
        with (
            keepalive(context.target_url, context.session_name, _keepalive_seconds(context)),
            connection.begin(),
        ):
            if not lock_step(connection, step.id):
                return False
            outcome = _work_of(context, connection, step)(context, connection, step)
            finish_step(connection, step.id, outcome.result)
    except Exception as error:  # noqa: BLE001  # every failure belongs into the ledger, none may stop the queue
        context.forget_connections()
        reason = error if isinstance(error, ConvoyError) else translate(error, step=step.id)
        passing = isinstance(reason, RetryableError | TargetUnreachableError)
        blameless = isinstance(reason, ServerAwayError | StageUnreachableError | TargetUnreachableError)
        is_last = step.attempts >= context.settings.max_attempts and not blameless
        if passing and is_last:
            reason.details = f"It was the last of {step.attempts} attempts"
        final = not passing or is_last
        seconds = time.monotonic() - started
        context.observers.tell(StepAttemptFailed(observed, str(reason), error, final, seconds))
        _give_back(context, step, observed, reason, final=final, counts=not blameless)
        if passing:
            context.back_off()
        if isinstance(reason, RejectedValueError):
            _stop_run(context, step, reason)
        return False
    context.disturbances = 0
    seconds = time.monotonic() - started
    context.observers.tell(
        StepDone(observed, seconds, outcome.table, outcome.rows, outcome.rows_quarantined, outcome.bytes)
    )
    return True


def _keepalive_seconds(context: StepContext) -> float:
    """Return how often a living worker says so: some signs fit into the patience of the watchdog."""
    return min(context.settings.silence_seconds / 4, _KEEPALIVE_SECONDS)


def _stop_run(context: StepContext, step: Step, reason: RejectedValueError) -> None:
    """Fail the run now: nobody waits for the chunks that others have in their hands."""
    with context.engine.begin() as connection:
        run = read_run(connection, step.run_id)
    if run.phase is step.phase:
        fail_run(context.engine, run, reason, observers=context.observers)


def _work_of(context: StepContext, connection: Connection, step: Step) -> Work:
    if step.phase is Phase.VALIDATING and context.run(connection, step.run_id).options.mode is Mode.VALIDATE:
        return validate_source
    if step.phase is Phase.VALIDATING and step.table_id is None:
        return check_snapshot
    if step.phase is Phase.COPYING and step.chunk_id is None:
        return find_orphans
    return _WORK[step.phase]


def _give_back(
    context: StepContext,
    step: Step,
    observed: ObservedStep,
    error: ConvoyError,
    *,
    final: bool,
    counts: bool = True,
) -> None:
    """Write the failed attempt down; a server that is away is waited for, or the attempt would count."""
    happening = StepGivenBack(observed, error, final)
    for pause in (*_PAUSES_SECONDS, None):
        try:
            with context.engine.begin() as connection:
                give_back(connection, step, str(error), final=final, counts=counts)
                EventLogObserver(connection).observe(happening)
        except (ConvoyError, DBAPIError) as problem:
            passing = isinstance(translate(problem), ConnectionLostError | TargetUnreachableError)
            if pause is None or not passing:
                raise
            time.sleep(pause)
        else:
            break
    context.observers.tell(happening)
