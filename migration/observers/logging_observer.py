"""Writes the log lines of runs and steps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from migration.full_disk import is_full
from migration.observers.run_happenings import (
    Happening,
    RunMoveFailed,
    StepAttemptFailed,
    StepsRecovered,
    WorkerStopped,
)

logger = logging.getLogger(__name__)


class LoggingObserver:
    """An observer that logs what went wrong; what goes well stands in the ledger."""

    def observe(self, happening: Happening) -> None:
        """Write a line, where the happening is worth one."""
        write = _LINES.get(type(happening))
        if write is not None:
            write(happening)


def _attempt_failed(happening: StepAttemptFailed | RunMoveFailed) -> None:
    level = logging.ERROR if happening.final else logging.WARNING
    # A full disk may be met again and again for hours, and its sentence says it all: the log needs room, too.
    cause = None if happening.cause is not None and is_full(happening.cause) else happening.cause
    logger.log(level, "%s", happening.reason, exc_info=cause)


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
    StepAttemptFailed: _attempt_failed,
    RunMoveFailed: _attempt_failed,
    WorkerStopped: _worker_stopped,
    StepsRecovered: _steps_recovered,
}
