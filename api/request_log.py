"""One log line for each request, and an id that leads from a caller's line to ours.

Plain ASGI middleware, outside of all others: what is refused has its line, too.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Final

import uuid6
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.request_metrics import count_request
from migration.log_context import log_fields
from migration.trace_context import TraceParent, current_traceparent, parse_traceparent
from migration.trace_export import Tracing, active_tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER: Final = "X-Request-ID"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
_RUN: Final = re.compile(r"/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:/|$)")
_SERVER_ERRORS: Final = 500
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """Names each request: by the caller's `X-Request-ID` where it has a usable one, else by a new one.

    The id goes into every log line of the request, and back to the caller in the same header. Of a `traceparent`
    (W3C Trace Context) the trace id goes into the lines. Query strings and bodies never do.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and say what came of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID_HEADER.lower(), "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid6.uuid7())
        caller = parse_traceparent(headers.get("traceparent"))
        run = _RUN.search(scope["path"])
        started = time.monotonic()
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = MutableHeaders(scope=message)
                answered[REQUEST_ID_HEADER] = request_id
                answered.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        tracing = None if scope["path"] in _PROBES else active_tracing()
        span = tracing.begin(scope["method"], parent=caller, is_server=True) if tracing else None
        above = caller
        if span is not None:
            context = span.get_span_context()
            above = TraceParent(context.trace_id, context.span_id, bool(context.trace_flags.sampled))
        token = current_traceparent.set(str(above) if above else None)
        try:
            with log_fields(
                request_id=request_id,
                trace_id=f"{above.trace_id:032x}" if above else None,
                run=run[1] if run else None,
            ):
                try:
                    await self._app(scope, receive, answer)
                finally:
                    seconds = time.monotonic() - started
                    count_request(scope, status, seconds)
                    _log(scope, status, seconds)
        finally:
            current_traceparent.reset(token)
            if tracing is not None and span is not None:
                _end(tracing, span, scope, status)


def _end(tracing: Tracing, span: Span, scope: Scope, status: int) -> None:
    """End the span of a request, by the names of OpenTelemetry's conventions for HTTP servers."""
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.update_name(f"{scope['method']} {route}")
    attributes = {
        "http.request.method": scope["method"],
        "http.route": route,
        "http.response.status_code": status,
        "url.path": scope["path"],
    }
    tracing.end(span, attributes, error=f"status {status}" if status >= _SERVER_ERRORS else None)


def _log(scope: Scope, status: int, seconds: float) -> None:
    """Write the line; what probes ask every few seconds is only for debugging, unless it goes wrong."""
    is_probe = scope["path"] in _PROBES and status < 400  # noqa: PLR2004 - where errors begin, RFC 9110
    level = logging.DEBUG if is_probe else logging.INFO
    if logger.isEnabledFor(level):
        client = scope.get("client")
        logger.log(
            level,
            "%s %s: %d in %.3f s, for %s",
            scope["method"],
            scope["path"],
            status,
            seconds,
            client[0] if client else "an unknown client",
        )
