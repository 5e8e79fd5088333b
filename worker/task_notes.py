"""What a message came to, for those who watch the queue: which steps its task has worked on, and which have failed.

A message is a wake-up call, and its steps are chosen when it is answered. So only the task itself can say what it was
about; Flower shows it as its result, or as its exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from migration.observers.run_happenings import Happening, ObservedStep, StepDone, StepGivenBack
from migration.queue import shown_run
from migration.secret_text import without_secrets

_NAMED: Final = 3
_MOST_CHARACTERS: Final = 400


class StepsFailedError(Exception):
    """At least one step of a task has failed for good, and so will its run.

    For Celery alone, which shows it as the state FAILURE: the ledger has the error itself. Its one argument is the
    sentence, since Celery makes it anew from that in other processes.
    """


class TaskNotes:
    """An observer that remembers the steps of the task that a process is at; a process has one task at a time."""

    def __init__(self) -> None:
        self._done: list[StepDone] = []
        self._failed: list[StepGivenBack] = []
        self._tried_again = 0

    def observe(self, happening: Happening) -> None:
        """Remember what ends a step, or an attempt at it."""
        if isinstance(happening, StepDone):
            self._done.append(happening)
        elif isinstance(happening, StepGivenBack) and happening.final:
            self._failed.append(happening)
        elif isinstance(happening, StepGivenBack):
            self._tried_again += 1

    @contextmanager
    def of_one_task(self) -> Iterator[None]:
        """Forget what earlier tasks have done."""
        self._done, self._failed, self._tried_again = [], [], 0
        yield

    def result(self) -> str:
        """Return what the task has done, in words of a bounded length.

        Raises:
            StepsFailedError: a step has failed for good.
        """
        if self._failed:
            first = self._failed[0]
            more = f" ({len(self._failed) - 1} more failed)" if len(self._failed) > 1 else ""
            told = f"{_place(first.step)}: {first.error}"
            raise StepsFailedError(_short(told, _MOST_CHARACTERS - len(more)) + more)
        words = _steps([happening.step for happening in self._done]) or "nothing was left to do"
        rows = sum(happening.rows or 0 for happening in self._done)
        words += f"; {rows:,} rows" if rows else ""
        words += f"; {self._tried_again} to be tried again" if self._tried_again else ""
        return _short(words, _MOST_CHARACTERS)


def _place(step: ObservedStep) -> str:
    return f"{shown_run(step.run_id)}, {step.phase}, {_short(step.part, _MOST_CHARACTERS // 2)}"


def _steps(steps: list[ObservedStep]) -> str:
    named = [_short(_place(step), _MOST_CHARACTERS // _NAMED) for step in steps[:_NAMED]]
    more = [f"{len(steps) - _NAMED} more"] if len(steps) > _NAMED else []
    return "; ".join(named + more)


def _short(words: str, most: int) -> str:
    words = without_secrets(words)
    return words if len(words) <= most else f"{words[: most - 3]}..."
