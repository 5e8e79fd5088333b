"""The limits on the size of a request's body and on the time that it takes, checked before any route reads it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem_documents import ProblemError, problem_response

MAX_BODY_BYTES = 1_048_576

MAX_DRAINED_BYTES = 16 * MAX_BODY_BYTES
"""A body that is announced and no larger is read to its end and forgotten: a server that closes while its client still
sends takes its own answer back (RFC 9112, section 9.6)."""
_DRAIN_SECONDS = 5.0
BODY_SECONDS = 20.0
"""From the end of the header to the end of the body, however it trickles."""


async def _drain(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body", False):
                message = await receive()


class BodyLimit:
    """Answers 413 to a body of more than `max_bytes`, announced or not, and 408 to one that is not whole in time."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, then pass it on as one message."""
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read(Headers(scope=scope), receive)
        except TimeoutError:
            body = _too_slow()
        if body is None:
            return
        if isinstance(body, ProblemError):
            await problem_response(body, Request(scope).url.path)(scope, receive, send)
            return

        delivered = False

        async def replay() -> Message:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | ProblemError | None:
        """Return the body, what is wrong with it, or None where the client has gone."""
        announced = headers.get("content-length", "0")
        too_large = announced.isdecimal() and int(announced) > self._max_bytes
        body = b""
        more = not too_large
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            too_large = len(body) > self._max_bytes
            more = message.get("more_body", False) and not too_large
        if not too_large:
            return body
        if announced.isdecimal() and self._max_bytes < int(announced) <= MAX_DRAINED_BYTES:
            await _drain(receive)
        return ProblemError(
            "too-large",
            f"A request may hold {self._max_bytes} bytes at most.",
            headers={"Connection": "close"},
        )


def _too_slow() -> ProblemError:
    return ProblemError(
        "request-timeout",
        f"The body was not whole within {BODY_SECONDS:g} seconds; send it at once, and all that its length announces.",
        headers={"Connection": "close"},
    )
