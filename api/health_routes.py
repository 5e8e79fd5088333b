"""Is it alive, is it ready: for schedulers and load balancers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError

from api.cluster_connections import ClusterDep
from api.problem_documents import ProblemError, responses
from migration.convoy_error import ConvoyError
from migration.errors import BrokerError
from migration.full_disk import is_full
from migration.ledger.disk_room_notices import FullDisk, full_server, read_full_disks

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Both servers answer, and PostgreSQL has room."""

    status: Literal["ready"] = "ready"
    ledger: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"
    disks: str = "ok"
    """`ok`, or which are full: of the folder for `snapshots`, of a folder for `temporary` files."""


@router.get("/healthz")
def healthz() -> Health:
    """Say that the process is alive. Needs no token."""
    return Health()


@router.get("/readyz", responses=responses(HTTPStatus.SERVICE_UNAVAILABLE))
def readyz(cluster: ClusterDep) -> Readiness:
    """Say whether ledger and broker can be reached, and have room. Needs no token, and so names no address.

    `disks` names those that producer or workers wait for. Of `server`, `snapshots` and `temporary` only the first
    keeps runs from being started.
    """
    parts = {"ledger": "ok", "broker": "ok", "disks": "ok"}
    full: tuple[FullDisk, ...] = ()
    try:
        with cluster.engine().connect() as connection:
            full = read_full_disks(connection)
    except (ConvoyError, DBAPIError) as error:
        if is_full(error):  # without room it may not even begin a session, to tell who waits
            full = (full_server(),)
        else:
            parts["ledger"] = "unreachable"
    if full:
        parts["disks"] = f"full: {', '.join(disk.name for disk in full)}"
    try:
        cluster.check_broker()
    except BrokerError:
        parts["broker"] = "unreachable"
    silent = [name for name, state in parts.items() if state == "unreachable"]
    told = [f"No answer from the {' and the '.join(silent)}."] if silent else []
    told += [
        f"The disk of {disk.place} is full; runs wait for room." for disk in full if disk.name == "server"
    ]
    if told:
        raise ProblemError("not-ready", HTTPStatus.SERVICE_UNAVAILABLE, " ".join(told), parts)
    return Readiness(disks=parts["disks"])
