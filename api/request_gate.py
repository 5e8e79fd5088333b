"""How many requests are worked on at once, and how long one may take: whatever hangs, each is answered.

Requests run in threads, of which there are as many as `MOST_AT_ONCE`; more wait a moment for a place and are then told
to come back. A thread cannot be stopped: where its request has been answered by this gate, it keeps its place until its
own waits are over (cluster_connections.py).
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem_documents import ProblemError, problem_response

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 16
"""Each thread that computes makes the event loop, and so the probes, wait for 5 ms now and then."""
MOST_LONG_AT_ONCE: Final = 4
"""Rollbacks, reports and the like, which may take minutes."""
MOST_WAITING: Final = 100
"""Requests that wait for a place; more are turned away as they come."""
PLACE_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 25.0
LONG_ANSWER_SECONDS: Final = 900.0

_FREE_PATHS: Final = frozenset({"/healthz", "/readyz"})
_LONG_ENDINGS: Final = ("/rollback", "/summary", "/report.html")


class RequestGate:
    """Lets so many requests in at once; the probes always."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._long_places = asyncio.Semaphore(MOST_LONG_AT_ONCE)
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once there is a place for it, or answer in its stead."""
        if scope["type"] != "http" or scope["path"] in _FREE_PATHS:
            await self._app(scope, receive, send)
            return
        is_long = scope["path"].endswith(_LONG_ENDINGS)
        places = self._long_places if is_long else self._places
        if not await self._find_place(places):
            await _busy(scope, receive, send)
            return
        answer = _Answer(send, places)
        task = asyncio.ensure_future(self._work(scope, receive, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        started = asyncio.ensure_future(answer.begun.wait())
        seconds = LONG_ANSWER_SECONDS if is_long else ANSWER_SECONDS
        try:
            await asyncio.wait({task, started}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and not answer.begun.is_set():
                answer.close()
                logger.warning(
                    "%s %s was not answered within %.0f s", scope["method"], scope["path"], seconds
                )
                await _slow(scope, receive, send)
                return
            await task
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            started.cancel()

    async def _find_place(self, places: asyncio.Semaphore) -> bool:
        """Wait for a place; at once where there is one, or where too many wait already."""
        if not places.locked():
            await places.acquire()
            return True
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        # Not all at the same moment: to turn hundreds away at once would keep the probes waiting.
        patience = random.uniform(PLACE_SECONDS / 2, PLACE_SECONDS)  # noqa: S311 # nosec B311 - no secret
        try:
            await asyncio.wait_for(places.acquire(), patience)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _work(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer)
        finally:
            answer.leave()


class _Answer:
    """What the application sends; gives the place back with its first word, for a stream may last for hours."""

    def __init__(self, send: Send, places: asyncio.Semaphore) -> None:
        self._send = send
        self._places = places
        self._has_place = True
        self._is_closed = False
        self.begun = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        if self._is_closed:
            return
        self.begun.set()
        self.leave()
        await self._send(message)

    def close(self) -> None:
        """Send nothing more: somebody else has answered."""
        self._is_closed = True

    def leave(self) -> None:
        """Give the place to the next request."""
        if self._has_place:
            self._has_place = False
            self._places.release()


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    problem = ProblemError(
        "busy",
        "The server works on as many requests as it can, and had no place for this one."
        " Send it again in a moment.",
    )
    await problem_response(problem, scope["path"])(scope, receive, send)


async def _slow(scope: Scope, receive: Receive, send: Send) -> None:
    problem = ProblemError(
        "too-slow",
        "The server could not answer in time; what the request asks for may still be done. Look at the run's status,"
        " or send it again with the same Idempotency-Key.",
    )
    await problem_response(problem, scope["path"])(scope, receive, send)
