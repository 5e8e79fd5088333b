"""Writes the log lines of runs and steps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from migration.errors import WorkerDiedError
from migration.full_disk import is_full
from migration.log_context import log_fields
from migration.observers.run_happenings import (
    Happening,
    ObservedStep,
    PhaseEntered,
    QuarantineRetried,
    RunFailed,
    RunMoveFailed,
    RunPaused,
    RunPlanned,
    RunResumed,
    RunWaiting,
    StepAttemptFailed,
    StepClaimed,
    StepDone,
    StepGivenBack,
    StepHappening,
    StepsRecovered,
    StepsSent,
    WorkerStopped,
    step_fields,
)

logger = logging.getLogger(__name__)


class LoggingObserver:
    """An observer that logs: what goes wrong as warnings and errors, phases as news, each step for debugging.

    Lines name run, phase, table and chunk in words, so that they can be read without the ledger. Fields that are bound
    to the context (`migration/log_context.py`) say the same to programs.
    """

    def observe(self, happening: Happening) -> None:
        """Write a line, where the happening is worth one."""
        write = _LINES.get(type(happening))
        if write is not None:
            with log_fields(**_fields(happening)):
                write(happening)


def _fields(happening: Happening) -> dict[str, str | int | None]:
    """Return what the lines of a happening carry for programs, whoever tells it and wherever."""
    if isinstance(happening, StepHappening):
        return step_fields(happening.step)
    phase = getattr(happening, "phase", None)
    return {"run": happening.run_id, "phase": None if phase is None else phase.value}


def _place(step: ObservedStep) -> str:
    return f"Run {step.run_id}, {step.phase}, {step.part}"


def _step_claimed(happening: StepClaimed) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        step = happening.step
        logger.debug("%s: attempt %d begins on %s", _place(step), step.attempts, step.worker)


def _step_done(happening: StepDone) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        figures = [f"{happening.rows:,} rows"] if happening.rows is not None else []
        figures += [f"{happening.rows_quarantined:,} quarantined"] if happening.rows_quarantined else []
        figures += [f"{happening.bytes:,} bytes"] if happening.bytes is not None else []
        figures += [f"{happening.seconds:.3f} s"]
        logger.debug("%s: done, %s", _place(happening.step), ", ".join(figures))


def _step_failed(happening: StepAttemptFailed) -> None:
    end = "failed for good" if happening.final else f"attempt {happening.step.attempts} failed"
    _failed(f"{_place(happening.step)}: {end}. {happening.reason}", happening.cause, final=happening.final)


def _given_back(happening: StepGivenBack) -> None:
    """Say that a step is given up whose workers died; any other failure has had its line."""
    if isinstance(happening.error, WorkerDiedError):
        logger.error("%s: given up. %s", _place(happening.step), happening.error)


def _move_failed(happening: RunMoveFailed) -> None:
    end = "failed" if happening.final else "cannot go on yet"
    line = f"Run {happening.run_id}, {happening.phase}: {end}. {happening.reason}"
    _failed(line, happening.cause, final=happening.final)


def _failed(line: str, error: Exception | None, *, final: bool) -> None:
    # A full disk may be met again and again for hours, and its sentence says it all: the log needs room, too.
    cause = None if error is not None and is_full(error) else error
    logger.log(logging.ERROR if final else logging.WARNING, "%s", line, exc_info=cause)


def _phase_entered(happening: PhaseEntered) -> None:
    came = f", after {happening.left}" if happening.left is not None else ""
    logger.info("Run %s: %s%s", happening.run_id, happening.phase, came)


def _planned(happening: RunPlanned) -> None:
    logger.info(
        "Run %s: planned %d tables in %d chunks", happening.run_id, happening.tables, happening.chunks
    )


def _steps_sent(happening: StepsSent) -> None:
    logger.info(
        "Run %s: sent %d steps of %s in %d messages",
        happening.run_id,
        happening.steps,
        happening.phase,
        happening.messages,
    )


def _run_failed(happening: RunFailed) -> None:
    # Why stands in the line before, of the step or of the transition.
    logger.error("Run %s has failed in %s: %s", happening.run_id, happening.phase, happening.error.code)


def _run_waiting(happening: RunWaiting) -> None:
    logger.info("Run %s waits in %s. %s", happening.run_id, happening.phase, happening.reason)


def _run_paused(happening: RunPaused) -> None:
    logger.info("Run %s: paused, %s", happening.run_id, happening.phase)


def _run_resumed(happening: RunResumed) -> None:
    logger.info("Run %s: goes on, %s", happening.run_id, happening.phase)


def _quarantine_retried(happening: QuarantineRetried) -> None:
    logger.info(
        "Run %s: %d quarantined rows are in the target now, %d remain",
        happening.run_id,
        happening.stored,
        happening.remaining,
    )


def _worker_stopped(happening: WorkerStopped) -> None:
    logger.warning(
        "Run %s: ended the connections of a silent worker. %s", happening.run_id, happening.sentence
    )


def _steps_recovered(happening: StepsRecovered) -> None:
    logger.warning(
        "Run %s: sending %d steps again whose worker died, %d whose message is gone",
        happening.run_id,
        happening.lost,
        happening.stalled,
    )


_LINES: dict[type[Happening], Callable[[Any], None]] = {
    StepClaimed: _step_claimed,
    StepDone: _step_done,
    StepAttemptFailed: _step_failed,
    StepGivenBack: _given_back,
    StepsSent: _steps_sent,
    StepsRecovered: _steps_recovered,
    WorkerStopped: _worker_stopped,
    PhaseEntered: _phase_entered,
    RunPlanned: _planned,
    RunMoveFailed: _move_failed,
    RunWaiting: _run_waiting,
    RunFailed: _run_failed,
    RunPaused: _run_paused,
    RunResumed: _run_resumed,
    QuarantineRetried: _quarantine_retried,
}
