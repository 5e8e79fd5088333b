"""What the servers behind the API are like, as threads of their own have found them: nobody who asks waits for it.

One thread looks at PostgreSQL and one at the broker, so that neither hides behind the other. Each look has a bound;
where even that does not hold (a name server that is silent), the look that is under way counts as no answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

LOOK_SECONDS: Final = 5.0
"""Between two looks; who asks brings the next one forward."""
TROUBLE_SECONDS: Final = 1.0
"""Instead, after a look that found trouble: a server that answers again is soon said to, whoever asks how seldom."""
LOOK_BOUND_SECONDS: Final = 2.0
"""So long a server may take to answer a look."""
_HUNG_SECONDS: Final = 4.0
"""A look that lasts so long is held up by something that has no bound of its own."""
_FRESH_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 0.03
"""So long who asks waits for a look that has just begun."""
_POLL_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class Look(Generic[Found]):
    """What a look has found, or why it found nothing."""

    found: Found | None
    problem: Exception | None
    at: float
    seconds: float

    @property
    def age_seconds(self) -> float:
        """How old it is."""
        return time.monotonic() - self.at


class NoAnswerError(Exception):
    """A server has not answered a look, and its bound did not hold."""


class ServerWatch(Generic[Found]):
    """Looks at one server now and then, and at once where somebody asks.

    Args:
        name: of the thread.
        look: returns what it finds, or raises; within `LOOK_BOUND_SECONDS`, as far as that can be.
    """

    def __init__(self, name: str, look: Callable[[], Found]) -> None:
        self._name = name
        self._look = look
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last: Look[Found] | None = None
        self._begun: float | None = None
        self._well_since: float | None = None
        """Since when each look has found an answer, after one that had not; None: there was no such one."""

    def start(self) -> None:
        """Begin to look; may be called again."""
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Look no more; does not wait for a look that is under way."""
        self._ended.set()
        self._wanted.set()

    def last(self) -> Look[Found] | None:
        """Return what was found last, without waiting; None: nothing yet."""
        begun = self._begun
        if begun is not None and time.monotonic() - begun > _HUNG_SECONDS:
            silent = NoAnswerError(f"no answer for {time.monotonic() - begun:.0f} s")
            return Look(None, silent, begun, time.monotonic() - begun)
        return self._last

    def has_been_well_for(self) -> float:
        """Return for how many seconds the server has answered since it did not; infinite where it always has."""
        since = self._well_since
        return math.inf if since is None else time.monotonic() - since

    def known(self, patience_seconds: float) -> Look[Found] | None:
        """Return what was found last; waits in this thread, but for the first look only."""
        self.start()
        asked = time.monotonic()
        while (last := self.last()) is None and time.monotonic() - asked < patience_seconds:
            time.sleep(_POLL_SECONDS)
        return last

    async def current(self, patience_seconds: float = _PATIENCE_SECONDS) -> Look[Found] | None:
        """Ask for a look, and return it where it comes at once; otherwise the last one."""
        if self._thread is None:
            patience_seconds = _HUNG_SECONDS  # nobody has looked yet
        self.start()
        asked = time.monotonic()
        last = self._last
        if last is not None and last.age_seconds < _FRESH_SECONDS:
            return last
        self._wanted.set()
        while time.monotonic() - asked < patience_seconds:
            if self._last is not None and self._last.at >= asked:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return self.last()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._wanted.clear()
            self._begun = begun = time.monotonic()
            found, problem = None, None
            try:
                found = self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the server is not as it should be
                problem = error
                logger.debug("%s: %s", self._name, error)
            now = time.monotonic()
            was_silent = self._last is not None and self._last.problem is not None
            if problem is None and (was_silent or now - begun > _HUNG_SECONDS):
                self._well_since = now
            self._last = Look(found, problem, now, now - begun)
            self._begun = None
            self._wanted.wait(LOOK_SECONDS if problem is None else TROUBLE_SECONDS)
