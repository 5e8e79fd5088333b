"""What a worker does when a message wakes it: so many steps, of whatever run has its turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from migration.ledger.step_claims import LOST_SECONDS, is_under_way
from migration.ledger.step_records import Step
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_next_steps

logger = logging.getLogger(__name__)

ALONE_SECONDS: Final = 1.0
"""How long a worker goes on by itself before it waits for the next message, which takes 5 to 10 ms to come: as long as
a chunk of a small table takes to copy. Whose step it takes is asked as ever, so nobody's turn is skipped."""
EXTRA_SECONDS: Final = 60.0
"""How long a worker goes on with runs that have a limit of workers before it lets a message call it again."""


@dataclass(frozen=True, slots=True)
class Callers:
    """How others are called, by the id of a run that needs them; neither raises."""

    call_producer: Callable[[str], None]
    call_worker: Callable[[str], None]


def answer_call(
    context: StepContext, count: int, callers: Callers, *, in_place_of_the_dead: bool = False
) -> None:
    """Run so many steps, then go on with runs that have a limit of workers.

    Such a run may have had no place for a worker when one was woken for it, and nobody wakes that one again: so
    whoever works on it stays with it. The producer is called for each run that has nothing more for workers.

    Args:
        context: of this process.
        count: steps that the message asks for.
        callers: see there.
        in_place_of_the_dead: whether the message had woken another process before, which has died with it.
    """
    lost_seconds = 0.0 if in_place_of_the_dead else LOST_SECONDS
    begun = time.monotonic()
    asked = count
    last: Step | None = None
    while True:
        is_extra = count <= 0
        is_late = time.monotonic() > begun + ALONE_SECONDS
        steps: list[Step] = []
        try:
            # Small steps are cheap together, and stay so where a worker goes on.
            most = count if not is_extra else 1 if is_late else asked
            steps = run_next_steps(
                context, most, limited_only=is_extra and is_late, lost_seconds=lost_seconds
            )
            if last is not None and (not steps or _part(steps[0]) != _part(last)):
                _call_if_through(context, last, callers)
        except Exception:  # the chord must fire; the ledger knows which steps are open
            logger.exception("A step could not be taken or recorded; the watchdog will have it sent again")
            context.back_off()
            count -= 1
            if count <= 0:
                return
            continue
        if not steps:
            return
        count -= len(steps)
        last = steps[0]
        if is_extra and time.monotonic() > begun + EXTRA_SECONDS:
            callers.call_worker(last.run_id)
            _call_if_through(context, last, callers)
            return


def _part(step: Step) -> tuple[str, str]:
    return step.run_id, step.phase


def _call_if_through(context: StepContext, step: Step, callers: Callers) -> None:
    with context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if is_under_way(connection, step.run_id, step.phase):
            return
    callers.call_producer(step.run_id)
