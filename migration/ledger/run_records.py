"""Runs in the ledger: create, find, and move from phase to phase by compare-and-set."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import uuid6
from sqlalchemy import Connection, Engine, Row, Text, cast, func, insert, select, text, update

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import RunStateError, UnknownRunError
from migration.ledger.event_log_observer import EventLogObserver, log_happenings
from migration.ledger.json_encoding import from_json, to_json
from migration.ledger.ledger_database import wait_for_disk
from migration.ledger.ledger_tables import runs, steps
from migration.model import Phase, RunOptions, StepState
from migration.observers.run_happenings import Happening, PhaseEntered, RunFailed, RunResumed
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS

_LIST_RUNS: Final = "List the runs with `migration-cli status`"
_STATUS: Final = (NextStep("List the runs", "migration-cli status"),)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of convoy.runs."""

    id: str
    mode: str
    phase: Phase
    resume_phase: Phase | None
    options: RunOptions
    staging_schema: str
    previous_schema: str
    error: str | None
    cutover: Any
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def create_run(engine: Engine, options: RunOptions, *, observers: Observers = STANDARD_OBSERVERS) -> str:
    """Write a new run in phase pending and return its id."""
    run_id = str(uuid6.uuid7())
    entered = PhaseEntered(run_id, Phase.PENDING, None)
    prefix = f"convoy_{uuid.UUID(run_id).hex}"
    with engine.begin() as connection:
        connection.execute(
            insert(runs).values(
                id=run_id,
                mode=options.mode.value,
                phase=Phase.PENDING.value,
                options=to_json(options),
                staging_schema=f"{prefix}_staging",
                previous_schema=f"{prefix}_previous",
            )
        )
        EventLogObserver(connection).observe(entered)
    observers.tell(entered)
    return run_id


def _record(row: Row[Any]) -> RunRecord:
    values = row._asdict()
    values["phase"] = Phase(values["phase"])
    values["resume_phase"] = Phase(values["resume_phase"]) if values["resume_phase"] else None
    values["options"] = from_json(RunOptions, values["options"])
    return RunRecord(**values)


def read_run(connection: Connection, run_id: str) -> RunRecord:
    """Return a run by its full id.

    Raises:
        UnknownRunError: this ledger does not know the run.
    """
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise UnknownRunError(
            "The ledger does not know this run", remedy=_LIST_RUNS, next_steps=_STATUS, run=run_id
        )
    return _record(row)


def find_run(engine: Engine, run_id_or_prefix: str) -> RunRecord:
    """Return the one run whose id begins so.

    Raises:
        UnknownRunError: no run, or more than one, matches.
    """
    pattern = run_id_or_prefix.lower().replace("%", "").replace("_", "") + "%"
    statement = select(runs).where(cast(runs.c.id, Text).like(pattern)).limit(2)
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    if len(rows) == 1:
        return _record(rows[0])
    what = "More than one run has an id that begins so" if rows else "The ledger does not know this run"
    raise UnknownRunError(what, remedy=_LIST_RUNS, next_steps=_STATUS, run=run_id_or_prefix)


def list_runs(engine: Engine, limit: int = 50) -> list[RunRecord]:
    """Return the newest runs first."""
    with engine.connect() as connection:
        return [
            _record(row)
            for row in connection.execute(select(runs).order_by(runs.c.created_at.desc()).limit(limit))
        ]


def active_runs(engine: Engine) -> list[str]:
    """Return the ids of the runs that are not at an end, oldest first."""
    ends = [phase.value for phase in Phase if phase.is_end]
    statement = select(runs.c.id).where(runs.c.phase.not_in(ends)).order_by(runs.c.created_at)
    with engine.connect() as connection:
        return list(connection.execute(statement).scalars())


def move_run(connection: Connection, run: RunRecord, following: Phase) -> PhaseEntered | None:
    """Move a run to its next phase, if it still is where `run` says and no step of that phase is unfinished.

    Returns:
        What the caller tells observers once it has committed. None for a lost, doubled or late caller, who changes
        nothing.
    """
    open_steps = (
        select(steps.c.id)
        .where(
            steps.c.run_id == run.id,
            steps.c.phase == run.phase.value,
            steps.c.state != StepState.DONE.value,
        )
        .exists()
    )
    values: dict[str, Any] = {"phase": following.value}
    if run.started_at is None:
        values["started_at"] = func.clock_timestamp()
    if following.is_end:
        values["finished_at"] = func.clock_timestamp()
        wait_for_disk(connection)
    moved = connection.execute(
        update(runs)
        .where(runs.c.id == run.id, runs.c.phase == run.phase.value, ~open_steps)
        .values(values)
        .returning(runs.c.id)
    ).one_or_none()
    if moved is None:
        return None
    entered = PhaseEntered(run.id, following, run.phase)
    EventLogObserver(connection).observe(entered)
    return entered


def fail_run(
    engine: Engine, run: RunRecord, error: ConvoyError, *, observers: Observers = STANDARD_OBSERVERS
) -> None:
    """Stop a run without proof; `resume` goes on in the phase that it failed in.

    The event `failed` keeps the error as data, too: `error_details` is what `error_record` makes of it.
    """
    happenings = (PhaseEntered(run.id, Phase.FAILED, run.phase), RunFailed(run.id, run.phase, error))
    with engine.begin() as connection:
        wait_for_disk(connection)
        failed = connection.execute(
            update(runs)
            .where(runs.c.id == run.id, runs.c.phase == run.phase.value)
            .values(
                phase=Phase.FAILED.value,
                resume_phase=run.phase.value,
                error=str(error),
                finished_at=func.clock_timestamp(),
            )
            .returning(runs.c.id)
        ).one_or_none()
        if failed is None:
            return
        log_happenings(connection, happenings)
    observers.tell(*happenings)


def request_cancel(engine: Engine, run_id: str, *, observers: Observers = STANDARD_OBSERVERS) -> None:
    """Stop a run for good: workers start no more of its steps.

    Raises:
        RunStateError: the run is at an end already.
    """
    with engine.begin() as connection:
        run = read_run(connection, run_id)
        cancelled = connection.execute(
            update(runs)
            .where(
                runs.c.id == run_id,
                runs.c.phase.not_in([p.value for p in Phase if p.is_end and p is not Phase.FAILED]),
            )
            .values(phase=Phase.CANCELLED.value, finished_at=func.clock_timestamp())
            .returning(runs.c.id)
        ).one_or_none()
        if cancelled is None:
            raise RunStateError(f"The run is {run.phase} and cannot be cancelled", run=run_id)
        entered = PhaseEntered(run_id, Phase.CANCELLED, run.phase)
        EventLogObserver(connection).observe(entered)
    observers.tell(entered)


def request_resume(engine: Engine, run_id: str, *, observers: Observers = STANDARD_OBSERVERS) -> None:
    """Let a failed or interrupted run go on where it stopped; finished steps stay finished.

    Raises:
        RunStateError: the run is complete, cancelled or rolled back.
    """
    with engine.begin() as connection:
        run = read_run(connection, run_id)
        if run.phase.is_end and run.phase is not Phase.FAILED:
            raise RunStateError(f"The run is {run.phase}; there is nothing to resume", run=run_id)
        phase = run.resume_phase if run.phase is Phase.FAILED and run.resume_phase else run.phase
        happenings: list[Happening] = [RunResumed(run_id, phase)]
        if phase is not run.phase:
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(phase=phase.value, resume_phase=None, error=None, finished_at=None)
            )
            happenings.insert(0, PhaseEntered(run_id, phase, run.phase))
        lost = (
            select(steps.c.id)
            .where(steps.c.run_id == run_id, steps.c.state != StepState.DONE.value)
            .with_for_update(skip_locked=True)
        )
        connection.execute(
            update(steps)
            .where(steps.c.id.in_(lost))
            .values(state=StepState.PENDING.value, attempts=0, sent_at=None, lease_expires_at=None)
        )
        log_happenings(connection, happenings)
    observers.tell(*happenings)


@contextmanager
def run_lock(engine: Engine, run_id: str, *, wait: bool) -> Iterator[bool]:
    """Hold the right to move a run from phase to phase; yields whether it was obtained.

    The lock is the session's own, so PostgreSQL releases it when the process dies.
    """
    key = {"key": run_id}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if wait:
            connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), key)
            obtained = True
        else:
            obtained = bool(
                connection.execute(
                    text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key
                ).scalar()
            )
        try:
            yield obtained
        finally:
            if obtained and not connection.closed:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)
