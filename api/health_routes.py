"""Is it alive, is it ready: for schedulers and load balancers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.cluster_connections import ClusterDep
from api.problem_documents import ProblemError, responses
from migration.convoy_error import ConvoyError
from migration.errors import BrokerError

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Both servers answer."""

    status: Literal["ready"] = "ready"
    ledger: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"


@router.get("/healthz")
def healthz() -> Health:
    """Say that the process is alive. Needs no token."""
    return Health()


@router.get("/readyz", responses=responses(HTTPStatus.SERVICE_UNAVAILABLE))
def readyz(cluster: ClusterDep) -> Readiness:
    """Say whether ledger and broker can be reached. Needs no token, and so names no address."""
    parts = {"ledger": "ok", "broker": "ok"}
    try:
        with cluster.engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except (ConvoyError, DBAPIError):
        parts["ledger"] = "unreachable"
    try:
        cluster.check_broker()
    except BrokerError:
        parts["broker"] = "unreachable"
    missing = [name for name, state in parts.items() if state != "ok"]
    if missing:
        raise ProblemError(
            "not-ready",
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"No answer from the {' and the '.join(missing)}.",
            parts,
        )
    return Readiness()
