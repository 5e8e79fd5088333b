"""Celery's consumer, which begins anew whatever its connection to the broker has thrown.

Celery does so for those errors that a transport declares to be errors of connections. Anything else that comes out of
its event loop ends the process: an AttributeError of a connection that was taken apart meanwhile, a protocol error, a
RuntimeError of a result backend. A message holds ids alone and the ledger knows what is undone, so beginning anew is
right after each of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from billiard.exceptions import WorkerLostError
from celery.bootsteps import CLOSE, TERMINATE
from celery.worker.consumer import Consumer

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 1.0
_HUNG_SECONDS: Final = 45.0
"""Longer than all waits for a silent broker that one turn of the loop may take one after the other."""
_FINAL: Final = (WorkerLostError, MemoryError)
"""The pool cannot start its processes, or the machine has no memory: a fresh process is what helps."""


class LoopTurns:
    """When the event loop of this process has turned last: one that hangs takes no message, and is not there."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._is_lost = False

    def turned(self) -> None:
        """Note a turn."""
        self._at = time.monotonic()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Expect no turn for the time of the block, however long: who waits for the broker does not hang."""
        self._at = None
        try:
            yield
        finally:
            self.turned()

    def end(self, *, is_lost: bool) -> None:
        """Expect no more turns: the process ends in good order, or it is lost, and its ending may hang."""
        self._at, self._is_lost = None, is_lost

    def are_going_on(self) -> bool:
        """Return whether the loop turns, as far as turns are to be expected."""
        return not self._is_lost and (self._at is None or time.monotonic() - self._at < _HUNG_SECONDS)


loop_turns = LoopTurns()
"""Of this process: Celery makes consumers itself, and has one."""


class LastingConsumer(Consumer):  # type: ignore[misc]
    """Ends when it is told to, not by itself."""

    was_ready = False
    connection: Any

    def start(self) -> None:
        """Consume until this is stopped.

        Raises:
            Exception: it has not been ready once, so the set-up is wrong; or nothing helps but a fresh process.
        """
        while True:
            try:
                super().start()
            except _FINAL:
                loop_turns.end(is_lost=True)
                raise
            except Exception as error:
                if not self.was_ready or self.blueprint.state in (CLOSE, TERMINATE):
                    loop_turns.end(is_lost=True)
                    raise
                logger.error(  # noqa: TRY400 - a lost connection has no traceback in Celery's words either
                    "The connection to the broker broke in an unforeseen way (%s: %s); it is made anew",
                    type(error).__name__,
                    error,
                    exc_info=logger.isEnabledFor(logging.DEBUG),
                )
                self._take_apart(error)
                time.sleep(_PAUSE_SECONDS)
            except BaseException:  # how Celery says that it was told to end
                loop_turns.end(is_lost=False)
                raise
            else:
                loop_turns.end(is_lost=False)
                return

    def on_ready(self) -> None:
        """Note that all has been well once."""
        self.was_ready = True
        super().on_ready()

    def register_with_event_loop(self, hub: Any) -> None:
        """Have turns of the loop noted."""
        hub.on_tick.add(loop_turns.turned)
        super().register_with_event_loop(hub)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, for as long as it takes."""
        with loop_turns.suspended():
            return super().ensure_connected(conn)

    def _take_apart(self, error: Exception) -> None:
        """Do as Celery does after a lost connection; parts that cannot be taken apart any more are let go."""
        loop_turns.turned()
        for step in (
            lambda: self.on_connection_error_after_connected(error) if self.connection else None,
            self.on_close,
            self._cancel_connection_timer_entries,
            lambda: self.hub.reset() if self.hub else None,
            lambda: self.blueprint.restart(self),
        ):
            with suppress(Exception):
                step()
        self.connection = None


def queues_of(consumer: Any) -> tuple[str, ...] | None:
    """Return the names of the queues that a consumer takes messages from now; None while it has no connection.

    What Celery was started with (`-Q`), and what was added and cancelled since (`celery control`).
    """
    taken = consumer.task_consumer
    return None if taken is None else tuple(str(queue.name) for queue in list(taken.queues))
