"""The bearer token, which every request but a few shows before any route sees it.

This is plain ASGI middleware: a FastAPI dependency would run after the body has been read and parsed,
and would tell an unauthenticated caller which paths exist.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dashboard_files import is_dashboard_file
from api.problem_documents import ProblemError, problem_response

PUBLIC_PATHS = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz"})
"""Health, and three documents that are the same for everybody and hold no data."""


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or is_dashboard_file(path)


class BearerToken:
    """Answers 401 to every request without the right token, but for `PUBLIC_PATHS` and the files of the pages.

    RFC 6750, section 2.1: only the Authorization header counts; a token in a URL would stand in access logs.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or _is_public(scope["path"]) or self._is_right(scope):
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
