"""The log of a run as server-sent events: what has happened, then what happens, until nothing more does.

https://html.spec.whatwg.org/multipage/server-sent-events.html - ids are those of the ledger's log, so a
client that lost its connection goes on with Last-Event-ID and misses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Any

import anyio
import msgspec
from fastapi import APIRouter, Header, Query, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse

from api.cluster_connections import Cluster
from api.problem_documents import responses
from api.request_border import MAX_BIGINT
from api.required_scopes import NEEDS_READ, is_still_good
from api.response_models import PREFIX
from api.run_location import KnownRun, RunCluster
from migration.convoy_error import ConvoyError
from migration.ledger.event_log import Event, read_events
from migration.ledger.ledger_errors import ledger_error
from migration.ledger.run_records import find_run
from migration.model import Phase

logger = logging.getLogger(__name__)

router = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["results"])

POLL_SECONDS = 0.5
KEEPALIVE_SECONDS = 15.0
"""A comment in the silence, so that proxies do not close the connection and dead clients are noticed."""


_MOST_LOOKING = 6
"""Streams look at the ledger in threads of their own, one after the other, and take none of the requests' threads."""


@lru_cache(maxsize=1)
def _threads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(_MOST_LOOKING)


def _encode(event: Event) -> bytes:
    data = msgspec.json.encode({"id": event.id, "at": event.at, "kind": event.kind, "data": event.data})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.kind.encode(), data)


def _look(cluster: Cluster, run_id: str, after: int) -> tuple[Phase, list[Event]]:
    # The phase first: whatever is logged until the end is then in the list.
    engine = cluster.engine()
    return find_run(engine, run_id).phase, read_events(engine, run_id, after)


_BROKEN_OFF = b": The ledger cannot be read now. Connect again with Last-Event-ID, and nothing is missed.\n\n"


async def _stream(request: Request, cluster: Cluster, run_id: str, after: int) -> AsyncIterator[bytes]:
    """Follow the log, and end in an orderly way whatever happens: a status can be sent no more once this has begun."""
    try:
        async for block in _blocks(request, cluster, run_id, after):
            yield block
    except (ConvoyError, SQLAlchemyError) as error:
        told = ledger_error(error) if isinstance(error, SQLAlchemyError) else error
        logger.warning("The events of run %s broke off: %s", run_id, told)
        yield _BROKEN_OFF
    except Exception:
        logger.exception("The events of run %s broke off", run_id)
        yield _BROKEN_OFF


async def _blocks(request: Request, cluster: Cluster, run_id: str, after: int) -> AsyncIterator[bytes]:
    last_sent = time.monotonic()
    while True:
        phase, entries = await anyio.to_thread.run_sync(_look, cluster, run_id, after, limiter=_threads())
        for entry in entries:
            after = entry.id
            yield _encode(entry)
        if phase.is_end:
            # Of which kind: a failed or held run may go on, and whoever follows then connects again.
            yield b'event: end\ndata: {"status":"%s"}\n\n' % phase.value.encode()
            return
        if request.app.state.stopping.is_set() or await request.is_disconnected():
            return
        if not await is_still_good(request):
            return  # the client connects again, and is told why it may not
        if entries:
            last_sent = time.monotonic()
        elif time.monotonic() - last_sent > KEEPALIVE_SECONDS:
            last_sent = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)


_EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One event for each entry of the run's log; `event: end` with its status when nothing more"
        " happens to it by itself: it has ended, or is held (`ready`).",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "required": ["event", "data"],
                    "properties": {
                        "id": {"type": "string"},
                        "event": {"type": "string"},
                        "data": {"type": "string", "description": "JSON"},
                    },
                }
            }
        },
    }
}


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={**_EVENT_STREAM, **responses(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)},
    dependencies=[NEEDS_READ],
)
def follow(
    run: KnownRun,
    cluster: RunCluster,
    request: Request,
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_BIGINT)] = None,
    after: Annotated[int, Query(ge=0, le=MAX_BIGINT, description="The same as Last-Event-ID.")] = 0,
) -> StreamingResponse:
    """Follow a run: its log as server-sent events, from the start or after Last-Event-ID."""
    return StreamingResponse(
        _stream(request, cluster, run.id, after if last_event_id is None else last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )
