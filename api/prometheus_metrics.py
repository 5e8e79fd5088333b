"""The route `/metrics`: what the ledger holds and what this process has done, in Prometheus' text format."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import PlainTextResponse

from api.cluster_connections import Cluster
from api.ledger_metrics import TARGET_LABEL, FiguresOfTargets, LedgerMetric, families
from api.problem_documents import responses
from api.request_metrics import REQUEST_REGISTRY
from api.required_scopes import NEEDS_READ
from api.server_watch import LOOK_BOUND_SECONDS
from api.target_clusters import ClustersDep, unanswered
from migration.ledger.scrape_figures import LedgerFigures, read_figures

router = APIRouter(tags=["health"])

SCRAPE_METRIC: Final = LedgerMetric(
    "convoy_ledger_scrape_seconds", "gauge", "Time that reading these figures from the ledger took."
)

ANSWER_METRIC: Final = LedgerMetric(
    "convoy_target_up",
    "gauge",
    "1 where the ledger of a target has answered this scrape; only with MIGRATION_TARGETS_FILE.",
    labels=(TARGET_LABEL,),
)

BROKER_METRIC: Final = LedgerMetric(
    "convoy_broker_up",
    "gauge",
    "1 where the broker has answered this API at its last look, a few seconds ago at most; 0 where it has not.",
)


class _LedgerCollector(Collector):
    """Shows figures that have been read."""

    def __init__(
        self, figures: FiguresOfTargets, silent: Sequence[str], seconds: float, *, broker_answers: bool
    ) -> None:
        self._figures = figures
        self._silent = silent
        self._seconds = seconds
        self._broker_answers = broker_answers

    def collect(self) -> Iterator[Metric]:
        """Yield each metric."""
        yield from families(self._figures)
        yield GaugeMetricFamily(SCRAPE_METRIC.name, SCRAPE_METRIC.meaning, self._seconds)
        yield GaugeMetricFamily(BROKER_METRIC.name, BROKER_METRIC.meaning, float(self._broker_answers))
        if None in self._figures:
            return
        family = GaugeMetricFamily(ANSWER_METRIC.name, ANSWER_METRIC.meaning, labels=ANSWER_METRIC.labels)
        for target in (*self._figures, *self._silent):
            family.add_metric([str(target)], float(target in self._figures))
        yield family


_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={**_TEXT, **responses(HTTPStatus.SERVICE_UNAVAILABLE)},
    dependencies=[NEEDS_READ],
)
def metrics(clusters: ClustersDep) -> Response:
    """Return figures of the ledger and of this process, in Prometheus' text format."""
    started = time.monotonic()

    def read(cluster: Cluster) -> LedgerFigures:
        with cluster.engine().connect() as connection:
            return read_figures(connection)

    answers = clusters.ask(read)
    figures = {cluster.shown_target: found for cluster, found in answers.given}
    if not figures:
        raise unanswered(answers.trouble)
    silent = [str(one.shown_target) for one in clusters.all()[0] if one.shown_target not in figures]
    registry = CollectorRegistry(auto_describe=False)
    seconds = time.monotonic() - started
    broker = clusters.default.broker_watch.known(LOOK_BOUND_SECONDS)
    answers_now = broker is not None and broker.problem is None
    registry.register(_LedgerCollector(figures, silent, seconds, broker_answers=answers_now))
    body = generate_latest(registry) + generate_latest(REQUEST_REGISTRY)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})
