"""What a worker does when a message wakes it: so many steps, of whatever run has its turn.

A message is good for so many steps, and all messages together for all steps that wait. A run that has a limit of
workers is the exception: a message that finds it at its limit is used up, and nobody sends it again. So each worker
that such a run has stands for a message, and must not let it go to waste:

- a step of such a run is paid for by no message: whoever took it is good for as many steps as before, and asks again
  whose turn it is among all runs. Its own comes again where nobody else waits;
- where another is first, it takes that one's step, as it would with any message. The message that was sent for that
  step is left over then, and the run that waits is called one more worker for, so that it has as many as before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from migration.ledger.step_claims import LOST_SECONDS, is_under_way, waits_within_limit
from migration.ledger.step_records import Step
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_next_steps

logger = logging.getLogger(__name__)

ALONE_SECONDS: Final = 1.0
"""How long a worker goes on by itself before it waits for the next message, which takes 5 to 10 ms to come: as long as
a chunk of a small table takes to copy. Whose step it takes is asked as ever, so nobody's turn is skipped."""
EXTRA_SECONDS: Final = 60.0
"""How long a worker goes on with runs that have a limit of workers before each of their steps is paid for by its
message, and another one sent instead: workers of other targets, and those that shut down, need an end of it."""


@dataclass(frozen=True, slots=True)
class Callers:
    """How others are called, by the id of a run that needs them; neither raises."""

    call_producer: Callable[[str], None]
    call_worker: Callable[[str], None]


def answer_call(
    context: StepContext, count: int, callers: Callers, *, in_place_of_the_dead: bool = False
) -> None:
    """Run so many steps, each that whose turn it is among all runs, and go on with runs that have a limit of workers.

    The producer is called for each run that has nothing more for workers, and a worker for each that has a limit and
    is left while it has steps for one.

    Args:
        context: of this process.
        count: steps that the message asks for, at least 1.
        callers: see there.
        in_place_of_the_dead: whether the message had woken another process before, which has died with it.
    """
    lost_seconds = 0.0 if in_place_of_the_dead else LOST_SECONDS
    answer = _Answer(context, callers, count)
    begun = time.monotonic()
    is_ended = False
    while not is_ended:
        try:
            if answer.count <= 0 and time.monotonic() > begun + ALONE_SECONDS:
                is_ended = True
                answer.follow([], is_late=False)
                return
            # Small steps are cheap together, and stay so where a worker goes on.
            most = answer.count if answer.count > 0 else count
            steps = run_next_steps(context, most, lost_seconds=lost_seconds, waits_for_room=answer.count > 0)
            is_ended = not steps
            answer.follow(steps, is_late=time.monotonic() > begun + EXTRA_SECONDS)
        except Exception:  # the chord must fire; the ledger knows which steps are open
            logger.exception("A step could not be taken or recorded; the watchdog will have it sent again")
            context.back_off()
            answer.count -= 1
            if is_ended or answer.count <= 0:
                answer.give_up()
                return


@dataclass(slots=True)
class _Answer:
    """What became of a call so far: `count` is the steps that it is still good for."""

    context: StepContext
    callers: Callers
    count: int
    last: Step | None = None
    _is_replaced: bool = False
    _limited: dict[str, bool] = field(default_factory=dict)

    def follow(self, steps: Sequence[Step], *, is_late: bool) -> None:
        """Count what was done after the last step, nothing or steps of one run, and call who is needed for that.

        Args:
            steps: that were run.
            is_late: whether a message is to take the place of this one.
        """
        before, now = self.last, steps[0] if steps else None
        if before is not None:
            if now is None or _part(now) != _part(before):
                self._call_if_through(before)
            if (now is None or not self._is_limited(now)) and not self._is_replaced:
                self._call_in_own_place(before)
        self.last, self._is_replaced = now, False
        if now is None:
            return
        if not self._is_limited(now):
            self.count -= len(steps)
            return
        self.count = max(self.count, 1)
        if is_late:
            self._is_replaced = self._call_in_own_place(now)

    def give_up(self) -> None:
        """End where the ledger cannot be asked whether the last run has steps for a worker."""
        if self.last is not None and self._limited.get(self.last.run_id) and not self._is_replaced:
            self.callers.call_worker(self.last.run_id)

    def _call_in_own_place(self, step: Step) -> bool:
        """Call a worker for a run with a limit that has steps for one, and be good for one step less.

        Returns:
            Whether that was so.
        """
        if not self._is_limited(step):
            return False
        with self.context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not waits_within_limit(connection, step.run_id):
                return False
        self.callers.call_worker(step.run_id)
        self.count -= 1
        return True

    def _call_if_through(self, step: Step) -> None:
        with self.context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if is_under_way(connection, step.run_id, step.phase):
                return
        self.callers.call_producer(step.run_id)

    def _is_limited(self, step: Step) -> bool:
        known = self._limited.get(step.run_id)
        if known is None:
            with self.context.engine.connect() as connection:
                limit = self.context.run(connection, step.run_id).options.max_workers
            known = self._limited[step.run_id] = limit is not None
        return known


def _part(step: Step) -> tuple[str, str]:
    return step.run_id, step.phase
