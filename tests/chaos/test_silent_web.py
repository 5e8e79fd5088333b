"""API and Flower while the broker swallows what it is sent, and afterwards, when old connections stay dead."""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.app import create_app
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import find_run
from migration.model import Phase
from migration.settings import Settings
from tests.support.api import TOKEN, ApiClient, api_settings
from tests.support.broker_proxy import ProxiedCluster

OUTAGE_SECONDS = 120.0
PATIENCE_SECONDS = 150
ANSWER_SECONDS = 60.0
"""What an answer may take on a busy machine; without timeouts there is none."""
START = "/api/v1/migration/start"


@pytest.fixture
def cluster(target_url: str, tmp_path: Path) -> Iterator[ProxiedCluster]:
    settings = Settings(
        snapshot_dir=tmp_path / "snapshots",
        report_dir=tmp_path / "reports",
        embedded_dir=tmp_path / "postgres",
        _env_file=None,
    )
    with ProxiedCluster(target=target_url, workers=1, settings=settings) as cluster:
        cluster.wait_ready()
        yield cluster


@contextmanager
def api_on(cluster: ProxiedCluster, url: str, root: Path) -> Iterator[ApiClient]:
    app = create_app(api_settings(root, target_url=url, broker_url=cluster.broker_url))
    try:
        yield ApiClient(app, {"Authorization": f"Bearer {TOKEN}"})
    finally:
        app.state.cluster.close()


@contextmanager
def ledger_on(url: str) -> Iterator[Engine]:
    engine = open_ledger(url, "test")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def flower_on(cluster: ProxiedCluster) -> Iterator[httpx.Client]:
    """Start Flower as the Procfile does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    login = secrets.token_hex(8)
    cluster.start_program(
        "flower",
        [
            *(sys.executable, "-m", "celery", "-A", "producer.app", "flower"),
            *("--address=127.0.0.1", f"--port={port}"),
        ],
        {"FLOWER_BASIC_AUTH": f"flower:{login}"},
    )
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", auth=("flower", login), timeout=30, trust_env=False
    ) as client:
        yield client


def make_source(root: Path, name: str) -> str:
    with closing(sqlite3.connect(root / name)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"row {n}") for n in range(100)))
        connection.commit()
    return name


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {PATIENCE_SECONDS} s"
        time.sleep(0.2)


def tasks_in(flower: httpx.Client) -> int:
    """Return how many tasks Flower has heard of; 0 while it does not answer."""
    try:
        answer = flower.get("/api/tasks")
    except httpx.TransportError:
        return 0
    return len(answer.json()) if answer.status_code == 200 else 0


def start(api: ApiClient, root: Path, name: str) -> dict[str, object]:
    body: dict[str, object] = {
        "sources": [make_source(root, f"{name}.db")],
        "options": {"target_schema": name},
    }
    answer = api.post(START, json=body)
    assert answer.status_code == 202, answer.text
    found: dict[str, object] = answer.json()
    return found


def is_complete(ledger: Engine, run_id: str) -> bool:
    return find_run(ledger, run_id).phase is Phase.COMPLETED


def ask_during_silence(api: ApiClient, root: Path) -> tuple[dict[str, float], str]:
    """Return how many seconds answers take, and the id of the run that was started."""
    took = {}
    begun = time.monotonic()
    api.get("/readyz")  # what was found last
    took["readyz"] = time.monotonic() - begun
    wait_until(lambda: api.get("/readyz").json()["broker"] == "unreachable", "word of the silence")
    begun = time.monotonic()
    started = start(api, root, "during")
    took["start"] = time.monotonic() - begun
    assert "broker" in str(started["note"])
    begun = time.monotonic()
    assert api.get("/api/v1/migration").status_code == 200
    took["list"] = time.monotonic() - begun
    return took, str(started["run_id"])


def test_api_answers_while_the_broker_is_silent(
    cluster: ProxiedCluster, target_url: str, tmp_path: Path
) -> None:
    with ledger_on(target_url) as ledger, api_on(cluster, target_url, tmp_path) as api:
        assert api.get("/readyz").status_code == 200
        cluster.proxy.set("swallow")
        took, run_id = ask_during_silence(api, tmp_path)
        assert all(seconds < ANSWER_SECONDS for seconds in took.values()), took
        cluster.proxy.set("forward")
        wait_until(lambda: api.get("/readyz").status_code == 200, "readiness")
        wait_until(lambda: is_complete(ledger, run_id), "end of the run that was started meanwhile")


@pytest.mark.skipif(not os.environ.get("CONVOY_CHAOS"), reason="takes five minutes: `make chaos` runs it")
def test_workers_and_flower_hear_again_after_their_connections_died(
    cluster: ProxiedCluster, target_url: str, tmp_path: Path
) -> None:
    with (
        ledger_on(target_url) as ledger,
        api_on(cluster, target_url, tmp_path) as api,
        flower_on(cluster) as flower,
    ):
        # Flower hears nothing of what was before it listened.
        def is_heard() -> bool:
            start(api, tmp_path, f"before_{secrets.token_hex(4)}")
            return tasks_in(flower) > 0

        wait_until(is_heard, "task in Flower")
        cluster.proxy.set("forget")
        silent = time.monotonic()
        took, run_id = ask_during_silence(api, tmp_path)
        assert all(seconds < ANSWER_SECONDS for seconds in took.values()), took
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - silent)))
        cluster.proxy.set("forward")
        back = time.monotonic()
        wait_until(lambda: api.get("/readyz").status_code == 200, "readiness")
        ready_after = time.monotonic() - back
        wait_until(lambda: is_complete(ledger, run_id), "end of the run that was started meanwhile")
        completed_after = time.monotonic() - back
        heard = tasks_in(flower)

        def is_heard_again() -> bool:
            run = start(api, tmp_path, f"after_{secrets.token_hex(4)}")
            wait_until(lambda: is_complete(ledger, str(run["run_id"])), "end of a run")
            return tasks_in(flower) > heard

        wait_until(is_heard_again, "new task in Flower")
        sys.stdout.write(  # shown by pytest -s
            f"answers {took}; after the silence: API {ready_after:.1f} s, run {completed_after:.1f} s,"
            f" Flower {time.monotonic() - back:.1f} s\n"
        )
