"""How many requests at once: what the page of HTTP says, and what happens to a crowd."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from api import request_gate
from api.request_gate import MOST_AT_ONCE, MOST_LONG_AT_ONCE, MOST_WAITING, PLACE_SECONDS, RequestGate

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
CROWD = 200


def test_the_page_has_the_numbers() -> None:
    said = " ".join(PAGE.split())
    assert f"works on {MOST_AT_ONCE} requests at once, and on {MOST_LONG_AT_ONCE} rollbacks" in said
    assert (
        f"{MOST_WAITING} more wait for a place, each for {PLACE_SECONDS / 2:g} to {PLACE_SECONDS:g} s" in said
    )
    assert (
        f"of {CROWD} requests in the same moment {CROWD - MOST_AT_ONCE - MOST_WAITING} get 503 at once"
        in said
    )


def test_of_a_crowd_those_without_a_place_to_wait_are_turned_away_at_once() -> None:
    statuses: list[int] = []

    async def crowd() -> None:
        work = asyncio.Event()

        async def application(_scope: Any, _receive: Any, send: Any) -> None:
            await work.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        gate = RequestGate(application)
        scope = {"type": "http", "method": "GET", "path": "/api/v1/migration", "headers": []}
        requests = [asyncio.ensure_future(gate(dict(scope), _nothing, send)) for _ in range(CROWD)]
        for _ in range(20):  # turns of the loop, and no time
            await asyncio.sleep(0)
        assert len(statuses) == CROWD - MOST_AT_ONCE - MOST_WAITING
        assert set(statuses) == {503}  # before anybody was answered
        work.set()
        await asyncio.gather(*requests)

    asyncio.run(crowd())
    assert statuses.count(200) == MOST_AT_ONCE + MOST_WAITING


def test_who_has_waited_long_enough_is_told_so(monkeypatch: Any) -> None:
    monkeypatch.setattr(request_gate, "PLACE_SECONDS", 0.02)
    statuses: list[int] = []

    async def scene() -> None:
        work = asyncio.Event()

        async def application(_scope: Any, _receive: Any, _send: Any) -> None:
            await work.wait()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        gate = RequestGate(application)
        scope = {"type": "http", "method": "GET", "path": "/api/v1/migration", "headers": []}
        busy = [asyncio.ensure_future(gate(dict(scope), _nothing, send)) for _ in range(MOST_AT_ONCE)]
        await asyncio.sleep(0)
        await gate(dict(scope), _nothing, send)
        assert statuses == [503]
        work.set()
        await asyncio.gather(*busy)

    asyncio.run(scene())


async def _nothing() -> Any:
    return {"type": "http.request", "body": b""}
