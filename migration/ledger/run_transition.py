"""The one way for a run from phase to phase: lock its row, look where it is, change it, write its log, commit.

Whoever comes too late raises, so that its whole transaction rolls back: what stands in the target and the phase of the
run change together or not at all. No other module writes the column `phase` of a run; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select, text, update
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import NextStep
from migration.errors import InternalError, TargetBusyError, TransitionLostError
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.ledger_database import wait_for_disk
from migration.ledger.ledger_tables import runs, steps
from migration.ledger.run_records import RunRecord, read_run
from migration.model import Phase, StepState
from migration.observers.run_happenings import Happening, Passage, PhaseEntered
from migration.observers.run_observer import Observers

LOCK_SECONDS: Final = 60
"""How long anybody waits for who has the run's row: longer than any transition but a load into large tables."""
_LOCK_NOT_AVAILABLE: Final = "55P03"

NO_TRIES: Final[Mapping[str, None]] = MappingProxyType({"cutover_since": None, "cutover_next_at": None})
"""A cutover that nobody is in the way of, or that has not begun (cutover_tries.py)."""

_ENDS: Final = ", ".join(f"'{phase.value}'" for phase in Phase if phase.is_end)
_ENTERED: Final = text(
    f"""
    SELECT max(at) AS since, count(*) FILTER (WHERE data ->> 'phase' = :phase) AS visits,
           count(*) FILTER (WHERE data ->> 'phase' IN ({_ENDS})) AS ends
    FROM convoy.events WHERE run_id = :run_id AND kind = 'phase'
    """
)
_STOPS: Final = frozenset({Phase.FAILED, Phase.CANCELLED})
_DONE: Final = frozenset({Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS})
_WORKING: Final = frozenset(phase for phase in Phase if not phase.is_end)

FOLLOWING: Final[Mapping[Phase, frozenset[Phase]]] = MappingProxyType(
    {
        Phase.PENDING: _STOPS | {Phase.SNAPSHOTTING},
        Phase.SNAPSHOTTING: _STOPS | {Phase.PROFILING, Phase.VALIDATING},
        Phase.PROFILING: _STOPS | {Phase.COPYING},
        Phase.COPYING: _STOPS | _DONE | {Phase.INDEXING},
        Phase.INDEXING: _STOPS | {Phase.VALIDATING, Phase.CUTTING_OVER, Phase.READY},
        Phase.VALIDATING: _STOPS | _DONE | {Phase.CUTTING_OVER, Phase.READY},
        Phase.READY: frozenset({Phase.CUTTING_OVER, Phase.CANCELLED}),
        Phase.CUTTING_OVER: _STOPS | _DONE,
        Phase.FAILED: _WORKING | {Phase.READY},  # cancelled, it keeps its end (`given_up_at`)
        Phase.COMPLETED: frozenset({Phase.ROLLED_BACK}),
        Phase.COMPLETED_WITH_FINDINGS: frozenset({Phase.COMPLETED, Phase.ROLLED_BACK}),
        Phase.CANCELLED: frozenset(),
        Phase.ROLLED_BACK: frozenset(),
    }
)
"""What may follow each phase; anything else is a fault of the code and changes nothing."""


@dataclass(frozen=True, slots=True)
class LockedRun:
    """A run whose row is locked until the transaction of `connection` ends; only `transition` makes one."""

    connection: Connection
    record: RunRecord
    happenings: list[Happening] = field(default_factory=list)
    """What observers are told once the transaction is committed."""

    def expect(self, phase: Phase) -> None:
        """Make sure that the run still is where the caller's work began.

        Raises:
            TransitionLostError: it is not, or is paused; the transaction must roll back.
        """
        if self.record.paused_at is not None:
            raise TransitionLostError("The run is paused", run=self.record.id)
        if self.record.phase is not phase:
            raise TransitionLostError(
                f"The run was {phase} and is {self.record.phase} by now", run=self.record.id
            )

    def note(self, happening: Happening) -> None:
        """Write a happening into the run's log, with the transaction, and tell observers after it."""
        EventLogObserver(self.connection).observe(happening)
        self.happenings.append(happening)

    def enter(self, following: Phase, **values: Any) -> None:
        """Move the run to a phase.

        Args:
            following: one that may follow (`FOLLOWING`).
            values: other columns of convoy.runs to set with it.

        Raises:
            TransitionLostError: a step of the phase that would be left as done is not done.
            InternalError: the phase cannot follow.
        """
        phase = self.record.phase
        if following not in FOLLOWING[phase]:
            raise InternalError(f"A run cannot go from {phase} to {following}", run=self.record.id)
        if following not in _STOPS and not phase.is_end and self._has_open_steps(phase):
            raise TransitionLostError(f"Steps of {phase} are not done", run=self.record.id)
        values["phase"] = following.value
        values["paused_at"] = None
        values |= NO_TRIES
        if self.record.started_at is None and following not in _STOPS:
            values["started_at"] = func.clock_timestamp()
        if following.is_end:
            wait_for_disk(self.connection)
            if not {phase, following} <= _DONE:  # a run whose quarantine became empty had finished before
                values["finished_at"] = func.clock_timestamp()
        self.connection.execute(update(runs).where(runs.c.id == self.record.id).values(values))
        self.note(PhaseEntered(self.record.id, following, phase, self._passage()))

    def _passage(self) -> Passage:
        """Return what the log says of the way so far, before the next phase is in it."""
        record = self.record
        entered = self.connection.execute(_ENTERED, {"run_id": record.id, "phase": record.phase.value}).one()
        return Passage(
            record.created_at,
            record.traceparent,
            entered.since or record.created_at,
            entered.visits,
            entered.ends,
        )

    def _has_open_steps(self, phase: Phase) -> bool:
        open_steps = select(steps.c.id).where(
            steps.c.run_id == self.record.id,
            steps.c.phase == phase.value,
            steps.c.state != StepState.DONE.value,
        )
        return self.connection.execute(open_steps.limit(1)).one_or_none() is not None


@contextmanager
def transition(engine: Engine, run_id: str, observers: Observers) -> Iterator[LockedRun]:
    """Lock a run, let the caller do its work and move it, and commit both; observers hear of it afterwards.

    Raises:
        UnknownRunError: this ledger does not know the run.
        TargetBusyError: somebody else has held the run's row for a minute.
    """
    with engine.begin() as connection:
        locked = _lock(connection, run_id)
        yield locked
    observers.tell(*locked.happenings)


def _lock(connection: Connection, run_id: str) -> LockedRun:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    # NO KEY: workers who write rows that refer to the run do not wait.
    statement = select(runs.c.id).where(runs.c.id == run_id).with_for_update(key_share=True)
    try:
        connection.execute(statement)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise TargetBusyError(
            f"The run is in the middle of a transition, and was not free for {LOCK_SECONDS} s",
            run=run_id,
            remedy=f"Look at it with `migration-cli status {run_id}`, and try again",
            next_steps=(NextStep("See how far it is", f"migration-cli status {run_id}"),),
        ) from error
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    return LockedRun(connection, read_run(connection, run_id))
