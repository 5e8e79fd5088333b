"""The route `/metrics`: what the ledger holds, in Prometheus' text format."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import Connection, text
from starlette.responses import PlainTextResponse

from api.cluster_connections import ClusterDep
from api.problem_documents import responses
from api.required_scopes import NEEDS_READ
from migration.model import Phase

router = APIRouter(tags=["health"])


@dataclass(frozen=True, slots=True)
class LedgerGauge:
    """A figure of the ledger: `sql` gives one number, or with a label one row of label and number for each value."""

    name: str
    meaning: str
    sql: str
    label: str | None = None
    label_values: tuple[str, ...] = ()
    """Shown as 0 where the ledger has none, so that a graph has no hole."""


_DONE: Final = "FROM convoy.chunks WHERE state = 'done'"

LEDGER_GAUGES: Final = (
    LedgerGauge(
        "convoy_runs",
        "Runs in the ledger, by phase.",
        "SELECT phase, count(*) FROM convoy.runs GROUP BY phase",
        "phase",
        tuple(phase.value for phase in Phase),
    ),
    LedgerGauge(
        "convoy_rows_copied",
        "Rows committed in PostgreSQL, of all runs in the ledger.",
        f"SELECT coalesce(sum(rows_loaded), 0) {_DONE}",
    ),
    LedgerGauge(
        "convoy_rows_quarantined",
        "Rows kept out of PostgreSQL, of all runs in the ledger.",
        f"SELECT coalesce(sum(rows_quarantined), 0) {_DONE}",
    ),
    LedgerGauge(
        "convoy_bytes_copied",
        "Size in SQLite of the values of finished chunks.",
        f"SELECT coalesce(sum(bytes), 0) {_DONE}",
    ),
    LedgerGauge(
        "convoy_findings",
        "Findings of all runs in the ledger.",
        "SELECT count(*) FROM convoy.findings WHERE accepted_by IS NULL",
    ),
)


def _read(connection: Connection) -> CollectorRegistry:
    registry = CollectorRegistry()
    for gauge in LEDGER_GAUGES:
        labels = [gauge.label] if gauge.label else []
        shown = Gauge(gauge.name, gauge.meaning, labels, registry=registry)
        result = connection.execute(text(gauge.sql))
        if gauge.label is None:
            shown.set(float(result.scalar_one()))
            continue
        figures = dict.fromkeys(gauge.label_values, 0.0) | {value: float(figure) for value, figure in result}
        for value, figure in figures.items():
            shown.labels(value).set(figure)
    return registry


_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={**_TEXT, **responses(HTTPStatus.SERVICE_UNAVAILABLE)},
    dependencies=[NEEDS_READ],
)
def metrics(cluster: ClusterDep) -> Response:
    """Return what the ledger holds, in Prometheus' text format."""
    with cluster.engine().connect() as connection:
        body = generate_latest(_read(connection))
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})
