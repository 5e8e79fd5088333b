"""What this API process counts of its own requests; the ledger's figures are in prometheus_metrics.py.

Counters begin at 0 with the process, as Prometheus expects. Labels are routes as they are declared, never paths, so
that nobody can make new ones by asking.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.registry import CollectorRegistry
from starlette.types import Scope

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nobody asks for
REQUEST_REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REQUEST_REGISTRY)
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_LABELS: Final = ("method", "route", "status")
_REQUESTS: Final = Counter(
    "convoy_http_requests",
    "Requests that this API process has answered.",
    _LABELS,
    registry=REQUEST_REGISTRY,
)
_SECONDS: Final = Histogram(
    "convoy_http_request_seconds",
    "Time from a request to the end of its answer, in this API process; streams last as long as they are read.",
    ("route",),
    buckets=(0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0),
    registry=REQUEST_REGISTRY,
)


def count_request(scope: Scope, status: int, seconds: float) -> None:
    """Count an answered request; `scope` is that of the request after it was routed."""
    route = str(getattr(scope.get("route"), "path", "none"))
    method = scope["method"] if scope["method"] in _METHODS else "other"
    _REQUESTS.labels(method, route, str(status)).inc()
    _SECONDS.labels(route).observe(seconds)
