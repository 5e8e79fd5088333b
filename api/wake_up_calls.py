"""Messages to the broker that nobody waits for longer than a moment: what is to be done stands in the ledger.

Celery and redis-py may be busy with a silent broker for minutes. So they are called in threads of their own, a few at a
time, which go on when the request has been answered.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from typing import Final

from migration.convoy_error import ConvoyError

logger = logging.getLogger(__name__)

WAIT_SECONDS: Final = 2.0
_THREADS: Final = 2
_MOST_WAITING: Final = 64
"""A producer that is woken for one run finds all others, too."""


class WakeUpCalls:
    """Sends messages by `send`, which takes a run's id and its target's name and raises where the broker takes none."""

    def __init__(self, send: Callable[[str, str], None]) -> None:
        self._send = send
        self._waiting: queue.Queue[tuple[str, str, Future[None]]] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def call(self, run_id: str, target: str = "", wait_seconds: float = WAIT_SECONDS) -> bool:
        """Wake the producer for a run; return whether the broker has taken the message by now.

        Raises:
            ConvoyError: it refuses it, or cannot be reached.
        """
        self._start()
        outcome: Future[None] = Future()
        try:
            self._waiting.put_nowait((run_id, target, outcome))
        except queue.Full:
            return False
        try:
            outcome.result(wait_seconds)
        except NotYetError:
            return False
        return True

    def _start(self) -> None:
        with self._lock:
            while len(self._threads) < _THREADS:
                thread = threading.Thread(target=self._work, name="wake-up calls", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while True:
            run_id, target, outcome = self._waiting.get()
            try:
                self._send(run_id, target)
            except Exception as error:
                if not isinstance(error, ConvoyError):
                    logger.warning("A wake-up call failed", exc_info=True)
                outcome.set_exception(error)
            else:
                outcome.set_result(None)
