"""Writes the log of a run: the one observer that belongs to the transaction of what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, func, insert

from migration.convoy_error import ConvoyError
from migration.error_record import error_record
from migration.ledger.event_names import EventName
from migration.ledger.ledger_tables import events
from migration.ledger.work_totals import count_happening
from migration.observers.run_happenings import (
    Happening,
    PhaseEntered,
    QuarantineRetried,
    RunActed,
    RunCutoverAsked,
    RunFailed,
    RunPaused,
    RunPlanned,
    RunResumed,
    RunWaiting,
    StepGivenBack,
    StepsRecovered,
    StepsSent,
    WorkerStopped,
)


class EventLogObserver:
    """An observer for the time of one transaction, told inside it by who makes the change.

    So it is not one of `Observers`, who hear after the commit and whose errors are held back: an entry and its
    change are there together or not at all, and an entry that cannot be written rolls the change back.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def observe(self, happening: Happening) -> None:
        """Append an entry, where the log has one for such a happening.

        Raises:
            DBAPIError: it cannot be written; the transaction is lost.
        """
        entry = _ENTRIES.get(type(happening))
        if entry is not None:
            name, data_of = entry
            # Not when the transaction began: what a transition does counts to the phase that it ends.
            written = {"at": func.clock_timestamp(), "kind": name.value, "data": data_of(happening)}
            self._connection.execute(insert(events).values(run_id=happening.run_id, **written))
        count_happening(self._connection, happening)


def log_happenings(connection: Connection, happenings: Iterable[Happening]) -> None:
    """Append the entries of several happenings within the caller's transaction, in their order."""
    log = EventLogObserver(connection)
    for happening in happenings:
        log.observe(happening)


def _step_failed(happening: StepGivenBack) -> dict[str, Any]:
    step = happening.step
    return {"step": step.id, "phase": step.phase, "final": happening.final, **_error(happening.error)}


def _error(error: ConvoyError) -> dict[str, Any]:
    """Return the sentence for people, and all of the error for programs."""
    return {"error": str(error), "error_details": error_record(error)}


# Names and data are what the API's stream, the report and `--verbose` show.
_ENTRIES: dict[type[Happening], tuple[EventName, Callable[[Any], dict[str, Any]]]] = {
    PhaseEntered: (EventName.PHASE, lambda it: {"phase": it.phase}),
    RunPlanned: (EventName.PLANNED, lambda it: {"tables": it.tables, "chunks": it.chunks}),
    StepsSent: (EventName.SENT, lambda it: {"phase": it.phase, "messages": it.messages, "steps": it.steps}),
    StepsRecovered: (
        EventName.RESEND,
        lambda it: {"phase": it.phase, "lost": it.lost, "stalled": it.stalled},
    ),
    StepGivenBack: (EventName.STEP_FAILED, _step_failed),
    WorkerStopped: (
        EventName.WORKER_STOPPED,
        lambda it: {"step": it.step_id, "part": it.part, "worker": it.worker},
    ),
    RunWaiting: (EventName.WAITING, lambda it: {"phase": it.phase, "reason": it.reason}),
    RunFailed: (
        EventName.FAILED,
        lambda it: {"exit_status": it.error.exit_status, "phase": it.phase, **_error(it.error)},
    ),
    RunPaused: (EventName.PAUSED, lambda it: {"phase": it.phase}),
    RunResumed: (EventName.RESUME, lambda _: {}),
    RunCutoverAsked: (EventName.CUTOVER, lambda _: {}),
    QuarantineRetried: (EventName.RETRY, lambda it: {"stored": it.stored, "remaining": it.remaining}),
    RunActed: (
        EventName.ACT,
        lambda it: {
            "act": it.act,
            "person": it.person,
            "host": it.host,
            "convoy_version": it.convoy_version,
            "data": it.data,
        },
    ),
}
