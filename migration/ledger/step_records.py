"""Steps: the units of work of a phase, claimed by workers and watched by their row locks.

A worker that runs a step holds the lock of the step's row until its work is committed. So a step that says
`running`, whose lease has expired and whose row nobody has locked has lost its worker: no heartbeat is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from migration.ledger.event_names import EventName
from migration.ledger.ledger_tables import chunks, events, steps
from migration.ledger.record_sets import insert_set, update_set
from migration.model import Phase, StepState

WORKED_AHEAD: Final = {Phase.INDEXING: Phase.VALIDATING}
"""By the phase of a run: the later phase whose steps may be done already.

Rows are read back while indexes are built on them: no index changes a row.
"""


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step to add to a phase. `weight` is its size in bytes, for order, and for what shares a message."""

    table_id: int | None = None
    chunk_id: int | None = None
    stage: int = 1
    spec: dict[str, Any] | None = None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A claimed step. Label, name and position of the chunk say what it is about; `traceparent` is that of its run."""

    id: int
    run_id: str
    phase: Phase
    stage: int
    table_id: int | None
    chunk_id: int | None
    spec: dict[str, Any]
    attempts: int
    source: str | None = None
    table: str | None = None
    chunk: int | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: as text, and as `error_record` has it; None in a ledger of an older Convoy."""

    error: str
    details: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that waits to be sent. `is_again` where it may have been before: a message for it may still lie there."""

    id: int
    weight: int
    attempts: int
    is_again: bool = False


def add_steps(connection: Connection, run_id: str, phase: Phase, new: Sequence[NewStep]) -> None:
    """Write the steps of a phase within the caller's transaction."""
    insert_set(
        connection,
        steps,
        [
            {
                "run_id": run_id,
                "phase": phase.value,
                "stage": step.stage,
                "table_id": step.table_id,
                "chunk_id": step.chunk_id,
                "spec": step.spec or {},
                "weight": step.weight,
            }
            for step in new
        ],
    )


def count_states(connection: Connection, run_id: str, phase: Phase) -> dict[StepState, int]:
    """Return how many steps of the phase are in each state; states without steps are left out."""
    statement = (
        select(steps.c.state, func.count())
        .where(steps.c.run_id == run_id, steps.c.phase == phase.value)
        .group_by(steps.c.state)
    )
    return {StepState(state): count for state, count in connection.execute(statement)}


def first_failure(connection: Connection, run_id: str, phase: Phase) -> Failure | None:
    """Return why the first failed step of a phase has failed; None where none has."""
    statement = (
        select(steps.c.id, steps.c.error)
        .where(
            steps.c.run_id == run_id, steps.c.phase == phase.value, steps.c.state == StepState.FAILED.value
        )
        .order_by(steps.c.id)
        .limit(1)
    )
    failed = connection.execute(statement).one_or_none()
    if failed is None:
        return None
    told = (
        select(events.c.data["error_details"])
        .where(
            events.c.run_id == run_id,
            events.c.kind == EventName.STEP_FAILED.value,
            events.c.data["step"].as_integer() == failed.id,
        )
        .order_by(events.c.id.desc())
        .limit(1)
    )
    return Failure(failed.error or "", connection.execute(told).scalar())


def take_unsent(connection: Connection, run_id: str, phase: Phase, limit: int) -> list[Waiting]:
    """Mark the unsent steps of the phase's first unfinished stage as sent, and return them, largest first.

    Those are left that wait for a time of theirs (`give_back`).
    """
    of_phase = (steps.c.run_id == run_id, steps.c.phase == phase.value)
    stage = (
        select(func.min(steps.c.stage))
        .where(*of_phase, steps.c.state.not_in([StepState.DONE.value, StepState.FAILED.value]))
        .scalar_subquery()
    )
    chosen = (
        select(steps.c.id)
        .where(
            *of_phase,
            steps.c.stage == stage,
            steps.c.state == StepState.PENDING.value,
            steps.c.sent_at.is_(None),
            or_(steps.c.lease_expires_at.is_(None), steps.c.lease_expires_at <= func.clock_timestamp()),
        )
        .order_by(steps.c.weight.desc(), steps.c.id)
        .limit(limit)
    )
    rows = connection.execute(
        update(steps)
        .where(steps.c.id.in_(chosen))
        .values(sent_at=func.clock_timestamp())
        .returning(steps.c.id, steps.c.weight, steps.c.attempts, steps.c.lease_expires_at.is_not(None))
    )
    return sorted((Waiting(*row) for row in rows), key=lambda step: (-step.weight, step.id))


def seconds_until_due(connection: Connection, run_id: str, phases: Collection[Phase]) -> float | None:
    """Return when the first of a run's steps that wait for their time may be sent; None where none does."""
    due = connection.execute(
        select(
            func.extract("epoch", func.min(steps.c.lease_expires_at) - func.clock_timestamp()).cast(Float)
        ).where(
            steps.c.run_id == run_id,
            steps.c.phase.in_([phase.value for phase in phases]),
            steps.c.state == StepState.PENDING.value,
            steps.c.sent_at.is_(None),
            steps.c.lease_expires_at.is_not(None),
        )
    ).scalar()
    return None if due is None else max(0.0, due)


def count_sent(connection: Connection, run_id: str) -> int:
    """Return how many steps of a run wait for a worker that a message wakes."""
    return connection.execute(
        select(func.count())
        .select_from(steps)
        .where(
            steps.c.run_id == run_id,
            steps.c.state == StepState.PENDING.value,
            steps.c.sent_at.is_not(None),
        )
    ).scalar_one()


_NAMES: Final = text(
    """
    SELECT s.id, CASE WHEN t.id IS NULL THEN format('step %s', s.id)
           ELSE format('table %s of source %s', left(t.name, :longest), left(o.label, :longest))
                || coalesce(', chunk ' || c.position, '') || coalesce(', ' || left(s.spec ->> 'object', :longest), '')
           END AS words
    FROM convoy.steps s
    LEFT JOIN convoy.chunks c ON c.id = s.chunk_id
    LEFT JOIN convoy.tables t ON t.id = coalesce(s.table_id, c.table_id)
    LEFT JOIN convoy.sources o ON o.id = t.source_id
    WHERE s.id = ANY(:step_ids)
    """
)
_LONGEST_NAME: Final = 63


def name_steps(connection: Connection, step_ids: Sequence[int]) -> dict[int, str]:
    """Return what steps are about, in words of a bounded length, by their ids."""
    values = {"step_ids": list(step_ids), "longest": _LONGEST_NAME}
    return {row.id: row.words for row in connection.execute(_NAMES, values)}


def forget_sending(engine: Engine, step_ids: Sequence[int]) -> None:
    """Note that these steps were not sent after all."""
    with engine.begin() as connection:
        connection.execute(
            update(steps)
            .where(steps.c.id.in_(step_ids), steps.c.state == StepState.PENDING.value)
            .values(sent_at=None)
        )


_FINISH = text(
    "UPDATE convoy.steps SET state = 'done', result = :result, error = NULL, finished_at = clock_timestamp()"
    " WHERE id = :step_id"
).bindparams(bindparam("result", type_=steps.c.result.type))


def finish_step(connection: Connection, step_id: int, result: Any) -> None:
    """Mark a step done, in the transaction that holds its work."""
    connection.execute(_FINISH, {"step_id": step_id, "result": result})


def finish_steps(connection: Connection, results: Sequence[tuple[int, Any]]) -> None:
    """Mark steps (id, result) done, in the transaction that holds the work of all of them."""
    update_set(
        connection,
        steps,
        [{"id": step_id, "result": result} for step_id, result in results],
        also_sql="state = 'done', error = NULL, finished_at = clock_timestamp()",
    )


SHORTEST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 20.0
# Up to half of it less by chance, so that those who were refused for each other's sake do not come back at once.
_DUE: Final[ColumnElement[Any]] = literal_column(
    f"clock_timestamp() + (0.5 + random() / 2) * least(interval '{LONGEST_PAUSE_SECONDS} s', greatest("
    f"interval '{SHORTEST_PAUSE_SECONDS} s', 2 * (claimed_at - finished_at)))"
)


def give_back(connection: Connection, step: Step, error: str, *, final: bool, counts: bool = True) -> None:
    """Record a failed attempt: the step fails for good, or waits to be sent again.

    It is sent again after a pause twice as long as the one before this attempt, so that what disturbs it may pass; no
    worker sleeps meanwhile. `lease_expires_at` holds the time: a step that waits has no lease.

    An attempt does not count in which the step cannot be to blame. Nothing is recorded where another worker has taken
    the step since: this one was stopped for a while.
    """
    state = StepState.FAILED if final else StepState.PENDING
    ours = connection.execute(
        update(steps)
        .where(
            steps.c.id == step.id,
            steps.c.state == StepState.RUNNING.value,
            steps.c.attempts == step.attempts,
        )
        .values(
            state=state.value,
            error=error,
            attempts=step.attempts if counts else step.attempts - 1,
            sent_at=None,
            lease_expires_at=None if final else _DUE,
            finished_at=func.clock_timestamp(),
        )
    )
    if ours.rowcount and step.phase is Phase.COPYING:
        connection.execute(update(chunks).where(chunks.c.id == step.chunk_id).values(state=state.value))


def recover_lost(connection: Connection, run_id: str, *, counts: bool = True) -> list[int]:
    """Make steps whose worker died wait to be sent again, and return their ids.

    Without `counts`, their last attempts do not count: the ledger could not be written to meanwhile.
    """
    lost = (
        select(steps.c.id)
        .where(
            steps.c.run_id == run_id,
            steps.c.state == StepState.RUNNING.value,
            steps.c.lease_expires_at < func.clock_timestamp(),
        )
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(
        update(steps)
        .where(steps.c.id.in_(lost))
        .values(
            state=StepState.PENDING.value,
            sent_at=None,
            attempts=steps.c.attempts if counts else func.greatest(steps.c.attempts - 1, 0),
        )
        .returning(steps.c.id)
    )
    return list(rows.scalars())


def recover_stalled(connection: Connection, run_id: str, phase: Phase, quiet_seconds: float) -> list[int]:
    """Make sent steps wait to be sent again, if nothing has moved in the phase for `quiet_seconds`.

    Their messages are gone: the broker was emptied, or a worker died with messages that it had reserved.
    A long queue is no reason, because somebody finishes or claims a step all the time.
    """
    rows = connection.execute(
        text(
            """
            WITH phase_steps AS (
                SELECT id, state, sent_at, claimed_at, finished_at
                FROM convoy.steps WHERE run_id = :run_id AND phase = :phase
            ), quiet AS (
                SELECT NOT EXISTS (SELECT 1 FROM phase_steps WHERE state = 'running')
                   AND coalesce(max(greatest(sent_at, claimed_at, finished_at)), '-infinity')
                       < clock_timestamp() - make_interval(secs => :quiet_seconds) AS is_quiet
                FROM phase_steps
            )
            UPDATE convoy.steps SET sent_at = NULL, lease_expires_at = clock_timestamp()
            WHERE id IN (SELECT id FROM phase_steps, quiet
                         WHERE is_quiet AND state = 'pending' AND sent_at IS NOT NULL)
            RETURNING id
            """
        ),
        {"run_id": run_id, "phase": phase.value, "quiet_seconds": quiet_seconds},
    )
    return list(rows.scalars())
