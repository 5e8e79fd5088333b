"""What every request passes before any route sees it: the bearer token, and the limit on the body's size.

Both are plain ASGI middleware: a FastAPI dependency would run after the body has been read and parsed,
and would tell an unauthenticated caller which paths exist.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemError, problem_response

PUBLIC_PATHS = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz"})
"""Health, and three documents that are the same for everybody and hold no data."""

MAX_BODY_BYTES = 1_048_576


class BearerToken:
    """Answers 401 to every request without the right token, but for `PUBLIC_PATHS`.

    RFC 6750, section 2.1: only the Authorization header counts; a token in a URL would stand in access logs.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PUBLIC_PATHS or self._is_right(scope):
            await self._app(scope, receive, send)
            return
        problem = ProblemError(
            "unauthorized",
            HTTPStatus.UNAUTHORIZED,
            "This path needs the header `Authorization: Bearer` with the server's MIGRATION_API_TOKEN.",
            headers={"WWW-Authenticate": 'Bearer realm="convoy"'},
        )
        await problem_response(problem, scope["path"])(scope, receive, send)

    def _is_right(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        # In constant time, and as bytes: a str with other characters than ASCII would raise.
        return scheme.lower() == "bearer" and secrets.compare_digest(token.strip().encode(), self._token)


class BodyLimit:
    """Answers 413 to a body of more than `max_bytes`, announced or not."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, then pass it on as one message."""
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = announced.isdecimal() and int(announced) > self._max_bytes
        body = b""
        more = not too_large
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            too_large = len(body) > self._max_bytes
            more = message.get("more_body", False) and not too_large
        if too_large:
            problem = ProblemError(
                "too-large",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A request may hold {self._max_bytes} bytes at most.",
                headers={"Connection": "close"},
            )
            await problem_response(problem, Request(scope).url.path)(scope, receive, send)
            return

        delivered = False

        async def replay() -> Message:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)
