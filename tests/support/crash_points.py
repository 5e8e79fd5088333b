"""Stops what runs in this process at a given point: between the claim of a step and its work, or at a statement.

There it dies, as a killed process does for the ledger: its transaction rolls back and nothing of it is heard again. Or
others act while it stands still, and it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, event

from migration.observers.run_happenings import Happening, StepClaimed

Action = Callable[[], None]


class Died(BaseException):
    """The process is gone. No Exception, so that nobody handles it."""


def die() -> None:
    """End the process that runs now."""
    raise Died


class Stop:
    """Something to do once at a point. What it finds out is raised at the end: whoever was stopped may swallow it."""

    def __init__(self, action: Action | None) -> None:
        self._action = action
        self.failure: Exception | None = None

    def reached(self) -> None:
        """Act, for the first time that the point is reached."""
        action, self._action = self._action, None
        if action is None:
            return
        try:
            action()
        except Exception as error:  # noqa: BLE001
            self.failure = error

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Let the block die, and raise what the action has found out."""
        with suppress(Died):
            yield
        if self.failure is not None:
            raise self.failure


class ClaimObserver:
    """An observer that stops its worker between the claim of a step and the work."""

    def __init__(self) -> None:
        self.stop = Stop(None)

    def observe(self, happening: Happening) -> None:
        if isinstance(happening, StepClaimed):
            self.stop.reached()


@contextmanager
def stopped_at(engine: Engine, is_point: Callable[[int, str], bool], stop: Stop) -> Iterator[None]:
    """Stop before the first statement or commit of an engine that `is_point`, given its number and its text."""
    numbers = iter(range(1_000_000))

    def look(statement: str) -> None:
        if is_point(next(numbers), statement):
            stop.reached()

    def on_statement(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        look(statement)

    def on_commit(_connection: Connection) -> None:
        look("COMMIT")

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)
