"""Run one step: claim it, do its work and mark it done in one transaction, or give it back with its error."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from migration.errors import (
    InternalError,
    WorkerDiedError,
)
from migration.ledger.step_claims import (
    LOST_SECONDS,
    MOST_IN_A_GROUP,
    claim,
    claim_group,
    is_beyond_limit,
    lock_group,
    lock_step,
    return_untried,
)
from migration.ledger.step_records import Step, finish_step, finish_steps
from migration.ledger.work_totals import WorkDone, count_steps
from migration.log_context import log_fields
from migration.model import Mode, Phase
from migration.observers.run_happenings import (
    ObservedStep,
    StepClaimed,
    StepDone,
    step_fields,
)
from migration.steps.attempt_failure import is_passing, reason_of
from migration.steps.copy_step import copy_chunk
from migration.steps.failed_attempts import give_step_back, note_failure
from migration.steps.index_build_step import build_objects
from migration.steps.keepalive_thread import keepalive
from migration.steps.orphan_row_step import find_orphans
from migration.steps.profile_step import profile_chunk
from migration.steps.readback_step import read_back_part
from migration.steps.room_for_writes import once_there_is_room
from migration.steps.snapshot_check_step import check_snapshot
from migration.steps.step_context import StepContext
from migration.steps.step_group import WORK
from migration.steps.step_outcome import StepOutcome
from migration.steps.validate_step import validate_source
from migration.target.connection_pool import is_of_session
from migration.target.postgres_errors import state_of

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[StepContext, Connection, Step], StepOutcome]

_KEEPALIVE_SECONDS = 20.0
_LOOK_SECONDS = 0.5
"""Between two looks for something else to do than what waits for room."""

_WORK: dict[Phase, Work] = {
    Phase.PROFILING: profile_chunk,
    Phase.COPYING: copy_chunk,
    Phase.INDEXING: build_objects,
    Phase.VALIDATING: read_back_part,
}


def run_step(context: StepContext, step_id: int) -> bool:
    """Run the step that is named once. One that is done, or in other hands, is left alone.

    Returns:
        Whether the step was done by this call.
    """
    lease_seconds = context.settings.lease_seconds
    with context.engine.connect() as connection:

        def take() -> Step | None:
            return claim(connection, step_id, context.worker, lease_seconds)

        step = _at_once(context, connection, take)
        return step is not None and _run(context, connection, step)


def run_next_steps(
    context: StepContext,
    most: int = MOST_IN_A_GROUP,
    *,
    lost_seconds: float = LOST_SECONDS,
    waits_for_room: bool = False,
) -> list[Step]:
    """Run the step whose turn it is once, and its small brothers; the arguments are those of `claim_group`.

    Runs that this process has set aside wait for room on a disk. With `waits_for_room`, one of them is taken in the end
    where nothing else comes meanwhile.

    Returns:
        The steps, whatever came of them; empty where nothing waits that may be started now.
    """
    lease_seconds = context.settings.lease_seconds
    with context.engine.connect() as connection:

        def take(set_aside: Sequence[str]) -> list[Step]:
            return claim_group(
                connection,
                context.worker,
                lease_seconds,
                most=most,
                lost_seconds=lost_seconds,
                set_aside=set_aside,
            )

        def take_in_turn() -> list[Step]:
            while True:
                set_aside = context.runs_set_aside()
                found = _at_once(context, connection, partial(take, set_aside))
                if found or not set_aside or not waits_for_room:
                    return found
                time.sleep(_LOOK_SECONDS)

        while steps := take_in_turn():
            if len(steps) > 1:
                _run_group(context, connection, steps)
                break
            (step,) = steps
            is_limited = context.run(connection, step.run_id).options.max_workers is not None
            connection.rollback()
            if not is_limited or not _at_once(
                context, connection, partial(is_beyond_limit, connection, step)
            ):
                _run(context, connection, step)
                break
        return steps


def run_next_step(context: StepContext, *, lost_seconds: float = LOST_SECONDS) -> Step | None:
    """Run the one step whose turn it is: `run_next_steps` without brothers."""
    steps = run_next_steps(context, 1, lost_seconds=lost_seconds)
    return steps[0] if steps else None


def _run_group(context: StepContext, connection: Connection, steps: Sequence[Step]) -> None:
    """Work on steps together; where that does not go through, on each by itself."""
    observed = [_observed(context, step) for step in steps]
    context.observers.tell(*map(StepClaimed, observed))
    started = time.monotonic()
    try:
        with log_fields(run=steps[0].run_id, phase=steps[0].phase.value):
            outcomes = _work_on_group(context, connection, steps)
    except Exception as error:  # noqa: BLE001  # whatever it is, it shows again with the step that it belongs to
        logger.info("%d steps are run one by one, since together they are not: %s", len(steps), error)
        context.forget_connections()
        _run_each(context, steps)
        return
    finally:
        context.end_step()
    context.note_success(steps[0].run_id)
    each_seconds = (time.monotonic() - started) / len(steps)
    context.observers.tell(
        *(
            StepDone(one, each_seconds, done.table, done.rows, done.rows_quarantined, done.bytes)
            for one, done in zip(observed, outcomes, strict=True)
        )
    )


def _work_on_group(context: StepContext, connection: Connection, steps: Sequence[Step]) -> list[StepOutcome]:
    with (
        keepalive(context.target_url, context.session_name, _keepalive_seconds(context)),
        connection.begin(),
    ):
        if not lock_group(connection, steps, context.worker):
            raise InternalError("Somebody else has one of the steps", run=steps[0].run_id)
        outcomes = WORK[steps[0].phase](context, connection, steps)
        finish_steps(
            connection,
            [(step.id, outcome.result) for step, outcome in zip(steps, outcomes, strict=True)],
        )
        count_steps(connection, _work_done(context, connection, steps, outcomes))
    return outcomes


def _run_each(context: StepContext, steps: Sequence[Step]) -> None:
    """Run steps of a group one by one; once something passing has ended one, the others wait to be sent again."""
    left = list(steps)
    while left:
        step = left.pop(0)
        before = context.disturbances
        with context.engine.connect() as connection:
            _work_on_claimed(context, connection, step)
        if left and context.disturbances > before:
            with context.engine.begin() as connection:
                return_untried(connection, left, context.worker)
            return


def _at_once(context: StepContext, connection: Connection, statement: Callable[[], T]) -> T:
    """Run one statement that is a transaction of its own: without BEGIN and COMMIT, each a round trip."""

    def write() -> T:
        with connection.begin():
            return statement()

    connection.execution_options(isolation_level="AUTOCOMMIT")
    result = once_there_is_room(context, None, write)
    connection.execution_options(isolation_level="READ COMMITTED")
    return result


def _run(context: StepContext, connection: Connection, step: Step) -> bool:
    context.observers.tell(StepClaimed(_observed(context, step)))
    return _work_on_claimed(context, connection, step)


def _work_on_claimed(context: StepContext, connection: Connection, step: Step) -> bool:
    observed = _observed(context, step)
    if step.attempts <= context.settings.max_attempts:
        try:
            with log_fields(**step_fields(observed)):
                return _work_on(context, connection, step, observed)
        finally:
            context.end_step()
    died = WorkerDiedError(f"Its worker died {context.settings.max_attempts} times", step=step.id)
    give_step_back(context, step, observed, died, final=True)
    return False


def _observed(context: StepContext, step: Step) -> ObservedStep:
    return ObservedStep(
        step.run_id,
        step.phase,
        step.id,
        step.table_id,
        step.chunk_id,
        step.attempts,
        context.worker,
        step.source,
        step.table,
        step.chunk,
        _about(step),
        step.traceparent,
    )


def _about(step: Step) -> str:
    """Name what a step is about beside a table and a chunk."""
    if "object" in step.spec:
        return str(step.spec["object"])
    if "first" in step.spec:
        return f"from block {step.spec['first']} on"
    return ""


def _work_on(context: StepContext, connection: Connection, step: Step, observed: ObservedStep) -> bool:
    """Work on a claimed step; before it fails for good, once more at once where its sessions may be at fault.

    They keep the settings of role and database that they have begun with, however long ago somebody has mended those.
    """
    started = time.monotonic()
    try:
        return _attempt(context, connection, step, observed)
    except Exception as error:  # noqa: BLE001  # every failure belongs into the ledger, none may stop the queue
        if not is_of_session(state_of(error)) or is_passing(reason_of(error, step)):
            return note_failure(context, step, observed, error, time.monotonic() - started)
        logger.info("The step is tried once more, in new sessions: %s", error)
    context.renew_sessions()
    started = time.monotonic()
    try:
        with context.engine.connect() as fresh:
            return _attempt(context, fresh, step, observed)
    except Exception as error:  # noqa: BLE001  # as above
        return note_failure(context, step, observed, error, time.monotonic() - started)


def _attempt(context: StepContext, connection: Connection, step: Step, observed: ObservedStep) -> bool:
    """Do a step's work and mark it done, in one transaction; False where somebody else has it."""
    started = time.monotonic()
    with (
        keepalive(context.target_url, context.session_name, _keepalive_seconds(context)),
        connection.begin(),
    ):
        if not lock_step(connection, step.id):
            return False
        outcome = _work_of(context, connection, step)(context, connection, step)
        finish_step(connection, step.id, outcome.result)
        count_steps(connection, _work_done(context, connection, [step], [outcome]))
    context.note_success(step.run_id)
    seconds = time.monotonic() - started
    context.observers.tell(
        StepDone(observed, seconds, outcome.table, outcome.rows, outcome.rows_quarantined, outcome.bytes)
    )
    return True


def _work_done(
    context: StepContext, connection: Connection, steps: Sequence[Step], outcomes: Sequence[StepOutcome]
) -> WorkDone:
    """Add up what steps of one run and phase have done."""
    return WorkDone(
        [step.id for step in steps],
        context.run(connection, steps[0].run_id).options.mode,
        steps[0].phase,
        rows=sum(outcome.rows or 0 for outcome in outcomes),
        rows_quarantined=sum(outcome.rows_quarantined or 0 for outcome in outcomes),
        bytes=sum(outcome.bytes or 0 for outcome in outcomes),
    )


def _keepalive_seconds(context: StepContext) -> float:
    """Return how often a living worker says so: some signs fit into the patience of the watchdog."""
    return min(context.settings.silence_seconds / 4, _KEEPALIVE_SECONDS)


def _work_of(context: StepContext, connection: Connection, step: Step) -> Work:
    if step.phase is Phase.VALIDATING and context.run(connection, step.run_id).options.mode is Mode.VALIDATE:
        return validate_source
    if step.phase is Phase.VALIDATING and step.table_id is None:
        return check_snapshot
    if step.phase is Phase.COPYING and step.chunk_id is None:
        return find_orphans
    return _WORK[step.phase]
