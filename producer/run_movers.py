"""Threads in which the watchdog looks after runs: what one run takes long for keeps no other one waiting.

A run of thousands of tables lies between two phases for minutes, and whoever moves it does so itself. Daemon threads:
at the end of the process they go as the process would be killed, which every transition can take.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final

MOST_AT_ONCE: Final = 4
"""Each needs up to three connections at a time, which the producer's engine has room for."""


class RunMovers:
    """Calls `look` for runs, for each run once at a time, and for a few runs at once."""

    def __init__(self, look: Callable[[str], None], most: int = MOST_AT_ONCE) -> None:
        self._look = look
        self._most = most
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._known: set[str] = set()
        """Runs that wait or are looked at."""
        self._idle = threading.Condition()
        self._threads: list[threading.Thread] = []

    def hand_over(self, run_id: str) -> None:
        """Have a run looked at soon; nothing changes where it waits already, or is looked at."""
        with self._idle:
            if run_id in self._known:
                return
            self._known.add(run_id)
            if len(self._threads) < min(self._most, len(self._known)):
                name = f"watchdog {len(self._threads) + 1}"
                self._threads.append(threading.Thread(target=self._live, name=name, daemon=True))
                self._threads[-1].start()
        self._waiting.put(run_id)

    def wait(self, seconds: float) -> bool:
        """Return once nothing is left to do, or after so many seconds; whether nothing is left."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._known, seconds)

    def _live(self) -> None:
        while True:
            run_id = self._waiting.get()
            try:
                self._look(run_id)
            finally:
                with self._idle:
                    self._known.discard(run_id)
                    self._idle.notify_all()
