"""An API for tests: its settings, and a client that calls the application without a network."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from migration.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "t0ken-for-tests"
NOBODY_LISTENS = "postgresql://postgres@127.0.0.1:9/none?connect_timeout=1"


def api_settings(root: Path | None, **more: object) -> Settings:
    """Return settings with a token; where `more` does not say otherwise, no server is behind them."""
    values: dict[str, object] = {
        "api_token": TOKEN,
        "target_url": NOBODY_LISTENS,
        "broker_url": "redis://127.0.0.1:9/0",
        "source_root": root,
    }
    return Settings(_env_file=None, **{**values, **more})  # type: ignore[call-arg,arg-type]


@cache
def listed_answers() -> dict[str, set[tuple[int, str]]]:
    """Return code → the statuses and problems with which docs/errors.json says that an answer can carry it."""
    document = json.loads((ROOT / "docs" / "errors.json").read_text(encoding="utf-8"))
    return {
        error["code"]: {(answer["status"], answer["problem"]) for answer in error["http"]}
        for error in document["errors"]
    }


def check_problem(answer: httpx.Response) -> None:
    """Make sure that an answer which is a problem is one of those that docs/errors.json lists; others pass."""
    status = answer.status_code
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    assert is_problem or status < 300 or status == 304, (status, answer.headers)
    if is_problem and answer.request.method != "HEAD":
        problem = answer.json()
        name = problem["type"].removeprefix("urn:convoy:problem:")
        assert (status, name) in listed_answers().get(problem["code"], set()), problem
        assert isinstance(problem["next_steps"], list), problem


@dataclass(frozen=True)
class ApiClient:
    """Sends each request to the application itself. Starlette's own client wants a library that is not here."""

    app: FastAPI
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and read the whole answer."""
        return asyncio.run(self._request(method, path, options))

    async def _request(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://api.test", headers=self.headers
        ) as client:
            answer = await client.request(method, path, **options)
        check_problem(answer)
        return answer

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", path, **options)
