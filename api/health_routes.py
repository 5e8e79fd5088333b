"""Is it alive, is it ready: for schedulers and load balancers, answered at once whatever else hangs.

Both run on the event loop itself: no thread, of which slow requests may have taken all, and no server is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.cluster_connections import ClusterDep, LedgerState
from api.problem_documents import ProblemError, responses
from api.server_watch import Look
from api.target_clusters import ClustersDep
from migration.full_disk import is_full
from migration.ledger.disk_room_notices import DISK_NAMES, FullDisk, full_server
from migration.ledger.process_presence import PresenceCount, ProcessKind
from migration.named_targets import DEFAULT_TARGET
from migration.queue import QueueLengths

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Somebody(StrEnum):
    """Whether any process of a kind has given a sign of life."""

    ALIVE = "alive"
    NONE = "none"
    UNKNOWN = "unknown"  # the ledger cannot be asked


class Readiness(BaseModel):
    """Both servers answer, and PostgreSQL has room. Ages say how long ago that was found, in seconds."""

    status: Literal["ready"] = "ready"
    ledger: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"
    disks: str = "ok"
    """`ok`, or which are full, of any target: a folder for `snapshots`, one for `temporary` files, a `server`."""
    producer: Somebody
    worker: Somebody
    ledger_age_seconds: float | None
    broker_age_seconds: float | None
    note: str | None = None
    """What runs wait for: somebody to work on them, a target that is not ready, room on a disk; null: nothing."""
    targets: dict[str, str] | None = None
    """Of each target that has a name: `ok`, `full` or `unreachable`, and `unknown` before the first look."""


@router.get("/healthz")
async def healthz() -> Health:
    """Say that the process is alive. Needs no token."""
    return Health()


@router.get(
    "/readyz",
    responses=responses(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    response_model_exclude_unset=True,
)
async def readyz(cluster: ClusterDep, clusters: ClustersDep) -> Readiness:
    """Say whether ledger and broker can be reached, and have room. Needs no token, and so names no address.

    `disks` names those that producer or workers wait for, for any target. Of `server`, `snapshots` and `temporary` only
    the first keeps runs from being started, where it is the default target's. `producer` and `worker` say whether any
    is alive. They do not count for the status: a request is taken without them and waits in the ledger, and workers may
    be scaled from zero. `targets` says which of those that have names are not ready; they do not count either, since
    the others are served all the same.
    """
    named = clusters.named_now()
    looking = asyncio.gather(*(one.ledger_watch.current() for one in named))
    ledger, broker = await asyncio.gather(cluster.ledger_watch.current(), cluster.broker_watch.current())
    looks = {one.target_name: look for one, look in zip(named, await looking, strict=True)}
    targets = {name: _state_of(look) for name, look in looks.items()}
    of_targets: dict[str, Any] = {} if cluster.shown_target is None else {"targets": targets}
    parts, full = _ledger_parts(ledger)
    waited_for = {"": full, **{name: _ledger_parts(look)[1] for name, look in looks.items()}}
    parts["disks"] = _shown_disks(waited_for)
    parts["broker"] = "ok" if broker is not None and broker.problem is None else "unreachable"
    ages = {"ledger_age_seconds": _age(ledger), "broker_age_seconds": _age(broker)}
    silent = [name for name in ("ledger", "broker") if parts[name] == "unreachable"]
    told = [f"No answer from the {' and the '.join(silent)}."] if silent else []
    told += [
        f"The disk of {disk.place} is full; runs wait for room." for disk in full if disk.name == "server"
    ]
    if told:
        raise ProblemError(
            "not-ready",
            " ".join(told),
            parts | ages | of_targets,
        )
    return Readiness(
        status="ready",
        ledger="ok",
        broker="ok",
        disks=parts["disks"],
        producer=Somebody(parts["producer"]),
        worker=Somebody(parts["worker"]),
        ledger_age_seconds=ages["ledger_age_seconds"],
        broker_age_seconds=ages["broker_age_seconds"],
        note=" ".join(filter(None, (_note(parts, _elsewhere(ledger), targets, waited_for), *clusters.gone())))
        or None,
        **of_targets,
    )


def _state_of(look: Look[LedgerState] | None) -> str:
    if look is None:
        return "unknown"
    parts, full = _ledger_parts(look)
    return "full" if any(disk.name == "server" for disk in full) else parts["ledger"]


def _ledger_parts(look: Look[LedgerState] | None) -> tuple[dict[str, str], tuple[FullDisk, ...]]:
    """Return what a look at PostgreSQL says of each part, and the disks that are full."""
    state = look.found if look is not None else None
    full = state.full_disks if state is not None else ()
    answers = state is not None
    if look is not None and look.problem is not None and is_full(look.problem):
        # Without room it may not even begin a session, to tell who waits.
        full, answers = (full_server(),), True
    parts = {"ledger": "ok" if answers else "unreachable"}
    return parts | _somebody(state.alive if state is not None else None), full


def _somebody(alive: PresenceCount | None) -> dict[str, str]:
    if alive is None:
        return dict.fromkeys(("producer", "worker"), Somebody.UNKNOWN.value)
    counts = {"producer": alive.producers, "worker": alive.workers}
    return {kind: (Somebody.ALIVE if count else Somebody.NONE).value for kind, count in counts.items()}


def _shown_disks(waited_for: Mapping[str, tuple[FullDisk, ...]]) -> str:
    """Return which disks are full, of all targets: processes that serve one of them wait, whichever it is."""
    full = {disk.name for disks in waited_for.values() for disk in disks}
    return f"full: {', '.join(name for name in DISK_NAMES if name in full)}" if full else "ok"


def _elsewhere(look: Look[LedgerState] | None) -> dict[str, str]:
    """Return what is said instead of that no process of a kind is there: one is, and does not serve."""
    alive = look.found.alive if look is not None and look.found is not None else None
    found = [alive.instead_of(kind) for kind in ProcessKind] if alive is not None else []
    return {one.kind.value: f"{one.sentence()}; runs wait for one that does." for one in found if one}


def _note(
    parts: dict[str, str],
    elsewhere: dict[str, str],
    targets: dict[str, str],
    waited_for: Mapping[str, tuple[FullDisk, ...]],
) -> str | None:
    missing = [
        kind for kind in ("producer", "worker") if parts[kind] == Somebody.NONE and kind not in elsewhere
    ]
    told = list(elsewhere.values())
    told += [f"No {' and no '.join(missing)} has given a sign of life; runs wait for one."] if missing else []
    out = [f"{name} ({state})" for name, state in targets.items() if state not in {"ok", "unknown"}]
    told += [f"Not ready among the targets: {', '.join(out)}; their runs wait."] if out else []
    for name, disks in waited_for.items():
        of_target = f" of the target {name or DEFAULT_TARGET}" if targets else ""
        # That the server of a target is full has been said above; that of the default one is no matter of a note.
        told += [
            f"The disk of {disk.place} is full; runs{of_target} wait for room."
            for disk in disks
            if disk.name != "server"
        ]
    return " ".join(told) or None


def _age(look: Look[LedgerState] | Look[QueueLengths] | None) -> float | None:
    return None if look is None else round(look.age_seconds, 1)
