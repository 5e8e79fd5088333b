"""HEAD wherever GET is, and `Allow` with all methods of a path: RFC 9110, sections 9.3.2, 9.3.7 and 15.5.6.

FastAPI's routes take the methods that they declare and no other, and a refusal names those of one route alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NO_BODY: Final[Message] = {"type": "http.response.body", "body": b""}


class MethodsOfPaths:
    """Which methods the paths of an application take."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes
        self._known: list[tuple[re.Pattern[str], frozenset[str]]] | None = None

    def allowed(self, path: str) -> str:
        """Return the header `Allow` of a path; empty where there is nothing at it."""
        if self._known is None:  # routes may be added until the first request
            self._known = [
                (compile_path(str(found.path))[0], frozenset(found.methods or ()))
                for found in iter_route_contexts(self._routes)
            ]
        methods = {method for regex, taken in self._known if regex.match(path) for method in taken}
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods | {"OPTIONS"})) if methods else ""


class RequestMethods:
    """Answers HEAD as GET without the body, OPTIONS with `Allow`, and gives every 405 its whole `Allow`."""

    def __init__(self, app: ASGIApp, methods: MethodsOfPaths) -> None:
        self._app = app
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on by the method that its route knows."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = scope["method"]
        if asked == "OPTIONS" and (allowed := self._methods.allowed(scope["path"])):
            await Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})(
                scope, receive, send
            )
            return

        async def answer(message: Message) -> None:
            if (
                message["type"] == "http.response.start"
                and message["status"] == HTTPStatus.METHOD_NOT_ALLOWED
            ):
                MutableHeaders(scope=message)["Allow"] = self._methods.allowed(scope["path"])
            await send(message)

        if asked != "HEAD":
            await self._app(scope, receive, answer)
            return
        scope["method"] = "GET"
        try:
            await self._app(scope, receive, _without_body(answer))
        finally:
            scope["method"] = asked  # for the log, which stands outside


def _without_body(send: Send) -> Send:
    """Return what sends the head of an answer and ends it there: a stream hears that nobody listens."""
    is_over = False

    async def answer(message: Message) -> None:
        nonlocal is_over
        if is_over:
            return
        if message["type"] == "http.response.start":
            await send(message)
            await send(_NO_BODY)
            is_over = True

    return answer
