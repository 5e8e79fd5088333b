"""The route `/metrics`: what the ledger holds and what this process has done, in Prometheus' text format."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import PlainTextResponse

from api.cluster_connections import ClusterDep
from api.ledger_metrics import LedgerMetric, families
from api.problem_documents import responses
from api.request_metrics import REQUEST_REGISTRY
from api.required_scopes import NEEDS_READ
from migration.ledger.scrape_figures import LedgerFigures, read_figures

router = APIRouter(tags=["health"])

SCRAPE_METRIC: Final = LedgerMetric(
    "convoy_ledger_scrape_seconds", "gauge", "Time that reading these figures from the ledger took."
)


class _LedgerCollector(Collector):
    """Shows figures that have been read."""

    def __init__(self, figures: LedgerFigures, seconds: float) -> None:
        self._figures = figures
        self._seconds = seconds

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        yield from families(self._figures)
        yield GaugeMetricFamily(SCRAPE_METRIC.name, SCRAPE_METRIC.meaning, self._seconds)


_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={**_TEXT, **responses(HTTPStatus.SERVICE_UNAVAILABLE)},
    dependencies=[NEEDS_READ],
)
def metrics(cluster: ClusterDep) -> Response:
    """Return figures of the ledger and of this process, in Prometheus' text format."""
    started = time.monotonic()
    with cluster.engine().connect() as connection:
        figures = read_figures(connection)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_LedgerCollector(figures, time.monotonic() - started))
    body = generate_latest(registry) + generate_latest(REQUEST_REGISTRY)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})
