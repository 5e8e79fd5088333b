"""The bearer token, which every request but a few shows before any route sees it.

This is plain ASGI middleware: a FastAPI dependency would run after the body has been read and parsed,
and would tell an unauthenticated caller which paths exist. What the holder of a token may do is said at each route
(required_scopes.py).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dashboard_files import is_dashboard_file
from api.problem_documents import ProblemError, from_convoy, problem_response
from api.token_check import Caller, Refused, TokenCheck
from migration.convoy_error import ConvoyError, NextStep
from migration.ledger.ledger_errors import ledger_error

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

PUBLIC_PATHS = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz"})
"""Health, and three documents that are the same for everybody and hold no data."""
_ASK_SECONDS: Final = 10.0
_ASKING_AT_ONCE: Final = 4
_MAKE_TOKEN: Final = NextStep("Make a token in the ledger", "migration-cli token create NAME --scope run")


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or is_dashboard_file(path)


class BearerToken:
    """Answers 401 to every request without a token that is good, but for `PUBLIC_PATHS` and the files of the pages.

    It stands twice in an application: before a byte of a body is read, and where all that a request waits for on its
    way to a route is over, since a token may be revoked meanwhile.

    RFC 6750, section 2.1: only the Authorization header counts; a token in a URL would stand in access logs.
    """

    def __init__(self, app: ASGIApp, check: TokenCheck) -> None:
        self._app = app
        self._check = check
        # Threads of its own: those of the routes may all be waiting for something slow.
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or refuse it."""
        if scope["type"] != "http" or _is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        found = await self._look(Headers(scope=scope).get("authorization", ""))
        if isinstance(found, ProblemError):
            await problem_response(found, scope["path"])(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["caller"] = found
        state["authentication"] = self
        await self._app(scope, receive, send)

    async def _look(self, header: str) -> Caller | ProblemError:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return _unauthorized("This path needs the header `Authorization: Bearer` with a token.", "")
        known = self._check.known(token.strip())
        if known is None:
            try:
                known = await self._ask(token.strip())
            except ConvoyError as error:
                return from_convoy(error)
            except DBAPIError as error:
                return from_convoy(ledger_error(error))
        if isinstance(known, Refused):
            step = f"Make one with `{_MAKE_TOKEN.command}`, or show one of MIGRATION_API_TOKEN."
            return _unauthorized(f"{known.sentence} {step}", ', error="invalid_token"', (_MAKE_TOKEN,))
        return known or ProblemError(
            "ledger-unreachable",
            f"The ledger did not say within {_ASK_SECONDS:.0f} s whether this token is good. Try again.",
        )

    async def _ask(self, token: str) -> Caller | Refused | None:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(_ASKING_AT_ONCE)
        with anyio.move_on_after(_ASK_SECONDS):
            return await anyio.to_thread.run_sync(
                self._check.ask, token, abandon_on_cancel=True, limiter=self._threads
            )
        return None

    async def is_still_good(self, connection: HTTPConnection) -> bool:
        """Whether the token of a request that is answered for a long time opens anything yet."""
        found = await self._look(connection.headers.get("authorization", ""))
        # A ledger that does not answer for a while takes nobody's access away.
        return not (isinstance(found, ProblemError) and found.status == HTTPStatus.UNAUTHORIZED)


def _unauthorized(sentence: str, reason: str, next_steps: tuple[NextStep, ...] = ()) -> ProblemError:
    return ProblemError(
        "unauthorized",
        sentence,
        headers={"WWW-Authenticate": f'Bearer realm="convoy"{reason}'},
        next_steps=next_steps,
    )
