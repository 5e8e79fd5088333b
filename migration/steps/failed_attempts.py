"""What becomes of a step after an attempt that has failed: it is given back for another one, or fails for good."""

from __future__ import annotations

import time

from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.errors import (
    ConnectionLostError,
    RejectedValueError,
    ServerAwayError,
    StageUnreachableError,
    TargetUnreachableError,
)
from migration.full_disk_errors import DiskFullError
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.run_records import read_run
from migration.ledger.run_requests import fail_run
from migration.ledger.step_records import Step, give_back
from migration.observers.run_happenings import ObservedStep, StepAttemptFailed, StepGivenBack
from migration.steps.attempt_failure import is_passing, place_of_step, reason_of
from migration.steps.room_for_writes import once_there_is_room
from migration.steps.step_context import StepContext
from migration.target.connection_pool import is_of_session
from migration.target.postgres_errors import state_of, translate
from migration.target.server_uptime import has_stayed_up
from migration.target.setting_limits import explain_limit

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


def note_failure(
    context: StepContext, step: Step, observed: ObservedStep, error: Exception, seconds: float
) -> bool:
    """Give a step back, or let it fail for good; return False, since it is not done."""
    context.forget_connections()
    reason = reason_of(error, step)
    if step.table is not None and context.has_several_sources(step.run_id):
        reason.place = {"source": step.source or "", **reason.place}
    passing = is_passing(reason)
    blameless = _is_blameless(context, reason, seconds)
    is_last = step.attempts >= context.settings.max_attempts and not blameless
    if passing and is_last:
        reason.details = f"It was the last of {step.attempts} attempts"
    final = not passing or is_last
    if is_of_session(state_of(error)):
        context.renew_sessions()
        reason.place = {**place_of_step(step), **reason.place}
        explain_limit(reason, error, context.target_url)
    context.observers.tell(StepAttemptFailed(observed, str(reason), error, final, seconds))
    give_step_back(context, step, observed, reason, final=final, counts=not blameless)
    if isinstance(reason, DiskFullError):
        context.set_aside(reason, step.run_id)
    elif passing:
        context.note_disturbance()
    if isinstance(reason, RejectedValueError):
        _stop_run(context, step, reason)
    return False


def give_step_back(
    context: StepContext,
    step: Step,
    observed: ObservedStep,
    error: ConvoyError,
    *,
    final: bool,
    counts: bool = True,
) -> None:
    """Write the failed attempt down; a server that is away is waited for, or the attempt would count.

    So is room for it. Of a disk that is full, the log of the run gets one entry and not one for each attempt: the room
    that it needs may be what is lacking.
    """
    happening = StepGivenBack(observed, error, final)
    is_news = not (isinstance(error, DiskFullError) and context.waits_for_room(step.run_id))

    def write() -> None:
        with context.engine.begin() as connection:
            give_back(connection, step, str(error), final=final, counts=counts)
            if is_news:
                EventLogObserver(connection).observe(happening)

    for pause in (*_PAUSES_SECONDS, None):
        try:
            once_there_is_room(context, step.run_id, write)
        except (ConvoyError, DBAPIError) as problem:
            passing = isinstance(translate(problem), ConnectionLostError | TargetUnreachableError)
            if pause is None or not passing:
                raise
            time.sleep(pause)
        else:
            break
    context.observers.tell(happening)


def _is_blameless(context: StepContext, reason: ConvoyError, seconds: float) -> bool:
    """Whether an attempt of so many seconds does not count. Whose session was ended has to ask why.

    A server that has been up all the while has not gone down: somebody ends sessions, and may do so for ever.
    """
    if isinstance(reason, ServerAwayError):
        return not has_stayed_up(context.target_url, context.session_name, seconds)
    return isinstance(reason, DiskFullError | StageUnreachableError | TargetUnreachableError)


def _stop_run(context: StepContext, step: Step, reason: RejectedValueError) -> None:
    """Fail the run now: nobody waits for the chunks that others have in their hands."""
    with context.engine.begin() as connection:
        run = read_run(connection, step.run_id)
    if run.phase is step.phase:
        fail_run(context.engine, run, reason, observers=context.observers)
