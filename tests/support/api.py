"""An API for tests: its settings, and a client that calls the application without a network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from migration.settings import Settings

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
            return await client.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", path, **options)
