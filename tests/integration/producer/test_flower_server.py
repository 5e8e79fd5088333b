"""Flower as a process of its own, on a real broker: who may look, and that it only shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from flower.urls import handlers

from tests.support.running_processes import free_ports

LOGIN = ("me", "planted-login")
PATIENCE_SECONDS = 90


@contextmanager
def flower(
    folder: Path, broker: str, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    (port,) = free_ports(1)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "FLOWER_"))
    }
    log = folder / "flower.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "producer.flower_server"],
            env=inherited
            | {"MIGRATION_BROKER_URL": broker, "FLOWER_PORT": str(port), "PYTHONPATH": str(Path.cwd())}
            | environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}", process, log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(30) == 0, log.read_text()
            finally:
                process.kill()


def wait_for(condition: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthcheck", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("flower")
    with flower(folder, valkey_url, FLOWER_BASIC_AUTH=":".join(LOGIN)) as (url, _, log):
        wait_for(lambda: answers(url), log)
        yield url


def all_paths() -> list[str]:
    """Every path that this version of Flower answers at, with a name where it takes one."""
    patterns = [handler[0] if isinstance(handler, tuple) else handler.regex.pattern for handler in handlers]
    paths = [pattern.removesuffix("$").replace("(.+)", "x").replace("(.*)", "x") for pattern in patterns]
    return [path for path in paths if path.startswith("/") and not path.startswith(("/static", "/log"))]


def test_nothing_but_the_health_check_is_shown_without_the_login(closed: str) -> None:
    assert len(all_paths()) > 25
    with httpx.Client(base_url=closed, trust_env=False, timeout=30) as client:
        for path in all_paths():
            for auth in (None, ("me", "wrong")):
                for method in ("GET", "POST", "PUT", "DELETE"):
                    status = client.request(method, path, auth=auth).status_code
                    refused = {401, 404, 405} if path != "/healthcheck" else {200, 401, 403, 405}
                    assert status in refused, (method, path, status)
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", auth=LOGIN).status_code == 200


def test_nothing_acts(closed: str) -> None:
    with httpx.Client(base_url=closed, trust_env=False, timeout=30, auth=LOGIN) as client:
        for path in all_paths():
            if path == "/tasks/datatable":
                continue
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                answer = client.request(method, path, json={})
                assert answer.status_code in {403, 405}, (method, path, answer.status_code)
        refused = client.post("/api/worker/shutdown/x")
        assert (refused.status_code, "only shows" in refused.text) == (403, True)
        assert client.get("/api/workers").status_code == 200
        assert client.post("/tasks/datatable", data={"draw": "1"}).status_code != 403


def test_without_a_login_it_stays_off_and_keeps_nobody_waiting(tmp_path: Path, valkey_url: str) -> None:
    with flower(tmp_path, valkey_url, FLOWER_BASIC_AUTH="") as (url, process, log):
        wait_for(lambda: "Flower is off" in log.read_text(), log)
        assert "FLOWER_BASIC_AUTH=user:password" in log.read_text()
        assert process.poll() is None
        assert not answers(url)


def test_who_asks_for_it_may_let_it_act(tmp_path: Path, valkey_url: str) -> None:
    login = tmp_path / "login"
    login.write_text(":".join(LOGIN))
    environment = {"FLOWER_BASIC_AUTH_FILE": str(login), "FLOWER_READ_ONLY": "false"}
    with flower(tmp_path, valkey_url, **environment) as (url, _, log):
        wait_for(lambda: answers(url), log)
        answer = httpx.post(f"{url}/api/worker/shutdown/x", auth=LOGIN, trust_env=False)
        assert answer.status_code == 404  # there is no such worker: Flower's own answer
        assert httpx.post(f"{url}/api/worker/shutdown/x", trust_env=False).status_code == 401
        assert LOGIN[1] not in log.read_text()
