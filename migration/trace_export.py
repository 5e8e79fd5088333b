"""OpenTelemetry in one process: started where an endpoint is configured, after any fork; else nothing is imported.

Spans wait in memory and go out in batches, in a thread. A collector that is away costs spans, never a run: what does
not fit is dropped, and the end of a process waits for it a few seconds at most.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from migration.convoy_error import NextStep
from migration.errors import SettingError
from migration.secret_text import without_secrets
from migration.trace_context import TraceParent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from migration.settings import Settings

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 3.0
_EXPORT_SECONDS: Final = 5.0
_PATH: Final = "/v1/traces"
_INSTALL: Final = "pip install 'convoy-migrate[tracing]'"

Attributes = Mapping[str, str | int | float | None]

_active: Tracing | None = None
_pid: int | None = None


class Tracing:
    """The tracer of this process."""

    def __init__(self, process: str, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        class GivenIds(RandomIdGenerator):
            """Gives the ids that a span was asked to have, else chance ones."""

            def __init__(self) -> None:
                self.given = threading.local()

            def generate_span_id(self) -> int:
                wanted: int | None = getattr(self.given, "span_id", None)
                return wanted if wanted is not None else super().generate_span_id()

            def generate_trace_id(self) -> int:
                wanted: int | None = getattr(self.given, "trace_id", None)
                return wanted if wanted is not None else super().generate_trace_id()

        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are read by the library.
        resource = Resource.create({"convoy.process": process, "process.pid": os.getpid()})
        if str(resource.attributes["service.name"]).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "convoy"}))
        self._ids = GivenIds()
        self._provider: TracerProvider = TracerProvider(
            resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("convoy")

    def begin(
        self,
        name: str,
        *,
        parent: TraceParent | None = None,
        trace_id: int | None = None,
        span_id: int | None = None,
        started_ns: int | None = None,
        is_server: bool = False,
    ) -> Span:
        """Begin a span; the caller ends it. Without a parent it is the root of `trace_id`, or of a new trace."""
        from opentelemetry import trace

        context = trace.set_span_in_context(trace.INVALID_SPAN)
        if parent is not None:
            flags = trace.TraceFlags(int(parent.is_sampled))
            above = trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
            context = trace.set_span_in_context(trace.NonRecordingSpan(above))
        given = self._ids.given
        given.span_id, given.trace_id = span_id, trace_id
        try:
            kind = trace.SpanKind.SERVER if is_server else trace.SpanKind.INTERNAL
            return self._tracer.start_span(name, context, kind=kind, start_time=started_ns)  # type: ignore[return-value]
        finally:
            given.span_id = given.trace_id = None

    def end(
        self, span: Span, attributes: Attributes, *, error: str | None = None, ended_ns: int | None = None
    ) -> None:
        """End a span; of attributes, those that are None are left out, and so are secrets of all words."""
        from opentelemetry.trace import Status, StatusCode

        for name, value in attributes.items():
            if value is not None:
                span.set_attribute(name, without_secrets(value) if isinstance(value, str) else value)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, without_secrets(error)))
        span.end(ended_ns)

    def close(self) -> None:
        """Send what waits, for `FLUSH_SECONDS` at most: the collector may be away."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(FLUSH_SECONDS)


def check_tracing(settings: Settings) -> None:
    """Make sure that traces can be sent where they are wanted.

    Raises:
        SettingError: an endpoint is configured, and OpenTelemetry is not installed.
    """
    if settings.otlp_endpoint and _is_missing():
        raise SettingError(
            "Traces are to be sent, and OpenTelemetry is not installed",
            setting="MIGRATION_OTLP_ENDPOINT",
            remedy=f"Install it with `{_INSTALL}`, or unset the endpoint",
            next_steps=(NextStep("Install OpenTelemetry", _INSTALL),),
        )


def _is_missing() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is None
    except ModuleNotFoundError:
        return True


def start_tracing(settings: Settings, process: str) -> None:
    """Start to send traces, where an endpoint is configured. In each process by itself: threads outlive no fork.

    Raises:
        SettingError: as `check_tracing`.
    """
    global _active, _pid
    if not settings.otlp_endpoint or (_active is not None and _pid == os.getpid()):
        return
    check_tracing(settings)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # The library itself reads OTEL_EXPORTER_OTLP_HEADERS and _CERTIFICATE.
    endpoint = settings.otlp_endpoint.rstrip("/")
    endpoint = endpoint if endpoint.endswith(_PATH) else endpoint + _PATH
    _active, _pid = (
        Tracing(process, OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)),
        os.getpid(),
    )


def active_tracing() -> Tracing | None:
    """Return the tracer of this process; None where it sends no traces, and in a child that has not started its own."""
    return _active if _active is not None and _pid == os.getpid() else None


def stop_tracing() -> None:
    """Send what waits, and stop."""
    global _active
    tracing, _active = active_tracing(), None
    if tracing is not None:
        tracing.close()
        logger.debug("What was left of the traces is sent")
