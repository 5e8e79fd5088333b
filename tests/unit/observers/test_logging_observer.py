from __future__ import annotations

import logging

import pytest

from migration.errors import PermanentError
from migration.model import Phase
from migration.observers.logging_observer import LoggingObserver
from migration.observers.run_happenings import (
    Happening,
    ObservedStep,
    PhaseEntered,
    QuarantineRetried,
    RunFailed,
    RunMoveFailed,
    RunPlanned,
    RunResumed,
    RunWaiting,
    StepAttemptFailed,
    StepClaimed,
    StepDone,
    StepGivenBack,
    StepsRecovered,
    StepsSent,
    WorkerStopped,
)

RUN = "0198c2"
STEP = ObservedStep(RUN, Phase.COPYING, 7, None, 3, 1, "worker@test")
CAUSE = ValueError("the cause")


@pytest.mark.parametrize(
    ("happening", "level", "line", "cause"),
    [
        (StepAttemptFailed(STEP, "A deadlock.", CAUSE, False, 0.1), logging.WARNING, "A deadlock.", CAUSE),
        (StepAttemptFailed(STEP, "100% lost.", CAUSE, True, 0.1), logging.ERROR, "100% lost.", CAUSE),
        (RunMoveFailed(RUN, Phase.COPYING, "No broker.", None, False), logging.WARNING, "No broker.", None),
        (RunMoveFailed(RUN, Phase.COPYING, "A lock.", CAUSE, False), logging.WARNING, "A lock.", CAUSE),
        (RunMoveFailed(RUN, Phase.COPYING, "It differs.", CAUSE, True), logging.ERROR, "It differs.", CAUSE),
        (
            WorkerStopped(RUN, 7, "chunk 1 of table t", "worker@test", "It was silent"),
            logging.WARNING,
            "Run 0198c2: ended the connections of a silent worker. It was silent",
            None,
        ),
        (
            StepsRecovered(RUN, Phase.COPYING, 2, 3),
            logging.WARNING,
            "Run 0198c2: sending 2 steps again whose worker died, 3 whose message is gone",
            None,
        ),
    ],
)
def test_what_goes_wrong_has_a_line(
    caplog: pytest.LogCaptureFixture, happening: Happening, level: int, line: str, cause: Exception | None
) -> None:
    with caplog.at_level(logging.DEBUG):
        LoggingObserver().observe(happening)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (level, line)
    assert (record.exc_info[1] if record.exc_info else None) is cause


@pytest.mark.parametrize(
    "happening",
    [
        StepClaimed(STEP),
        StepDone(STEP, 0.1, "t", 10, 0, 100),
        StepGivenBack(STEP, PermanentError("A deadlock"), True),
        PhaseEntered(RUN, Phase.COPYING, Phase.PROFILING),
        RunPlanned(RUN, 1, 1),
        StepsSent(RUN, Phase.COPYING, 1, 1),
        RunWaiting(RUN, Phase.COPYING, "A lock."),
        RunFailed(RUN, Phase.COPYING, PermanentError("It differs")),
        RunResumed(RUN, Phase.COPYING),
        QuarantineRetried(RUN, 1, 0),
    ],
)
def test_what_stands_in_the_ledger_has_none(caplog: pytest.LogCaptureFixture, happening: Happening) -> None:
    with caplog.at_level(logging.DEBUG):
        LoggingObserver().observe(happening)
    assert caplog.records == []
    assert happening.run_id == RUN
