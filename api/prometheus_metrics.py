"""The route `/metrics`: what the ledger holds, in Prometheus' text format."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import Connection, text

from api.cluster_connections import ClusterDep
from api.problem_documents import responses
from migration.model import Phase

router = APIRouter(tags=["health"])


_ROWS_SQL = """
SELECT coalesce(sum(rows_loaded), 0), coalesce(sum(rows_quarantined), 0), coalesce(sum(bytes), 0)
FROM convoy.chunks WHERE state = 'done'
"""


def _metrics(connection: Connection) -> CollectorRegistry:
    registry = CollectorRegistry()
    by_phase = Gauge("convoy_runs", "Runs in the ledger, by phase.", ["phase"], registry=registry)
    counts = {
        row.phase: row.runs
        for row in connection.execute(text("SELECT phase, count(*) AS runs FROM convoy.runs GROUP BY phase"))
    }
    for phase in Phase:
        by_phase.labels(phase.value).set(counts.get(phase.value, 0))
    loaded, quarantined, size = connection.execute(text(_ROWS_SQL)).one()
    for name, meaning, value in (
        ("convoy_rows_copied", "Rows committed in PostgreSQL, of all runs in the ledger.", loaded),
        ("convoy_rows_quarantined", "Rows kept out of PostgreSQL, of all runs in the ledger.", quarantined),
        ("convoy_bytes_copied", "Size in SQLite of the values of finished chunks.", size),
    ):
        Gauge(name, meaning, registry=registry).set(float(value))
    findings = connection.execute(text("SELECT count(*) FROM convoy.findings")).scalar_one()
    Gauge("convoy_findings", "Findings of all runs in the ledger.", registry=registry).set(findings)
    return registry


@router.get("/metrics", responses=responses(HTTPStatus.SERVICE_UNAVAILABLE))
def metrics(cluster: ClusterDep) -> Response:
    """Return what the ledger holds, in Prometheus' text format."""
    with cluster.engine().connect() as connection:
        body = generate_latest(_metrics(connection))
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})
