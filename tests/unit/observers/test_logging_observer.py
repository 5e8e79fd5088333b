from __future__ import annotations

import logging

import pytest

from migration.errors import PermanentError, WorkerDiedError
from migration.model import Phase
from migration.observers.logging_observer import LoggingObserver
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
    StepsRecovered,
    StepsSent,
    WorkerStopped,
)

RUN = "0198c2"
STEP = ObservedStep(RUN, Phase.COPYING, 7, 1, 3, 2, "worker@test", "school", "book", 4)
INDEX = ObservedStep(RUN, Phase.INDEXING, 8, 1, None, 1, "worker@test", "school", "book", about="book_author")
BARE = ObservedStep(RUN, Phase.VALIDATING, 9, None, None, 1, "worker@test")
PLACE = "Run 0198c2, copying, table book of source school, chunk 4"
CAUSE = ValueError("the cause")
DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR


@pytest.mark.parametrize(
    ("happening", "level", "line", "cause"),
    [
        (StepClaimed(STEP), DEBUG, f"{PLACE}: attempt 2 begins on worker@test", None),
        (StepClaimed(BARE), DEBUG, "Run 0198c2, validating, step 9: attempt 1 begins on worker@test", None),
        (
            StepDone(STEP, 0.1, "book", 1000, 2, 99),
            DEBUG,
            f"{PLACE}: done, 1,000 rows, 2 quarantined, 99 bytes, 0.100 s",
            None,
        ),
        (
            StepDone(INDEX, 0.1, "book", None, None, None),
            DEBUG,
            "Run 0198c2, indexing, table book of source school, book_author: done, 0.100 s",
            None,
        ),
        (
            StepAttemptFailed(STEP, "A deadlock.", CAUSE, False, 0.1),
            WARNING,
            f"{PLACE}: attempt 2 failed. A deadlock.",
            CAUSE,
        ),
        (
            StepAttemptFailed(STEP, "100% lost.", CAUSE, True, 0.1),
            ERROR,
            f"{PLACE}: failed for good. 100% lost.",
            CAUSE,
        ),
        (
            StepGivenBack(STEP, WorkerDiedError("Its worker died 5 times"), True),
            ERROR,
            f"{PLACE}: given up. Its worker died 5 times.",
            None,
        ),
        (
            RunMoveFailed(RUN, Phase.COPYING, "No broker.", None, False),
            WARNING,
            "Run 0198c2, copying: cannot go on yet. No broker.",
            None,
        ),
        (
            RunMoveFailed(RUN, Phase.COPYING, "It differs.", CAUSE, True),
            ERROR,
            "Run 0198c2, copying: failed. It differs.",
            CAUSE,
        ),
        (
            WorkerStopped(RUN, 7, "chunk 1 of table t", "worker@test", "It was silent"),
            WARNING,
            "Run 0198c2: ended the connections of a silent worker. It was silent",
            None,
        ),
        (
            StepsRecovered(RUN, Phase.COPYING, 2, 3),
            WARNING,
            "Run 0198c2: sending 2 steps again whose worker died, 3 whose message is gone",
            None,
        ),
        (PhaseEntered(RUN, Phase.PENDING, None), INFO, "Run 0198c2: pending", None),
        (
            PhaseEntered(RUN, Phase.COPYING, Phase.PROFILING),
            INFO,
            "Run 0198c2: copying, after profiling",
            None,
        ),
        (RunPlanned(RUN, 2, 5), INFO, "Run 0198c2: planned 2 tables in 5 chunks", None),
        (
            StepsSent(RUN, Phase.COPYING, 1, 5),
            INFO,
            "Run 0198c2: sent 5 steps of copying in 1 messages",
            None,
        ),
        (RunWaiting(RUN, Phase.COPYING, "A lock."), INFO, "Run 0198c2 waits in copying. A lock.", None),
        (
            RunFailed(RUN, Phase.COPYING, PermanentError("It differs")),
            ERROR,
            f"Run 0198c2 has failed in copying: {PermanentError.code}",
            None,
        ),
        (RunPaused(RUN, Phase.COPYING), INFO, "Run 0198c2: paused, copying", None),
        (RunResumed(RUN, Phase.COPYING), INFO, "Run 0198c2: goes on, copying", None),
        (
            QuarantineRetried(RUN, 1, 0),
            INFO,
            "Run 0198c2: 1 quarantined rows are in the target now, 0 remain",
            None,
        ),
    ],
)
def test_what_happens_has_a_line_with_run_table_and_chunk(
    caplog: pytest.LogCaptureFixture, happening: Happening, level: int, line: str, cause: Exception | None
) -> None:
    with caplog.at_level(logging.DEBUG):
        LoggingObserver().observe(happening)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (level, line)
    assert (record.exc_info[1] if record.exc_info else None) is cause


def test_attempt_that_had_its_line_has_no_second_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        LoggingObserver().observe(StepGivenBack(STEP, PermanentError("A deadlock"), True))
    assert caplog.records == []
