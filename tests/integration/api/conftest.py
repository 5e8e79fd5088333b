"""A real server on a real port, on a real ledger and a real broker; nobody works on the runs."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine

from api.__main__ import Server
from api.app import create_app
from migration.ledger.ledger_database import open_ledger
from tests.support.api import TOKEN, api_settings, check_problem


@dataclass(frozen=True)
class RunningApi:
    """Where it listens, and what stands behind it."""

    url: str
    engine: Engine
    server: Server
    thread: threading.Thread
    client: httpx.Client


def _check_whole(answer: httpx.Response) -> None:
    if answer.headers.get("content-type") == "application/problem+json":
        answer.read()
    check_problem(answer)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    with sqlite3.connect(folder / "school.db") as connection:
        connection.execute("CREATE TABLE pupil (id INTEGER PRIMARY KEY, name TEXT)")
    connection.close()
    return folder


@pytest.fixture
def api(target_url: str, valkey_url: str, root: Path) -> Iterator[RunningApi]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(api_settings(root, target_url=f"{target_url}&password=hunter2", broker_url=valkey_url))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
    server = Server(config, app)
    # Signals belong to the main thread, which is pytest's.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    engine = open_ledger(target_url)
    try:
        with httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20, trust_env=False
        ) as client:
            client.event_hooks["response"] = [_check_whole]
            deadline = time.monotonic() + 20
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            yield RunningApi(url, engine, server, thread, client)
    finally:
        server.handle_exit(15, None)
        thread.join(timeout=20)
        listener.close()
        engine.dispose()
        assert not thread.is_alive()
