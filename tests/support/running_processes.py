"""`migration-cli up` and `python -m api` as real processes, for tests that look at them from outside."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.shell import CLI

START_SECONDS = 120
STOP_SECONDS = 60


def free_ports(count: int) -> list[int]:
    """So many ports of this machine on which nobody listens, each another one."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _environment(values: Mapping[str, str]) -> dict[str, str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MIGRATION_", "FLOWER_", "PG"))
    }
    return {**clean, **values}


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"It did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass
class ApiProcess:
    """An API on a port that it keeps, however often it is started and killed."""

    folder: Path
    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None
    is_usual: bool = False
    """It runs with the environment that it was made with."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_alive(self) -> bool:
        return _answers(self.url)

    def start(self, **more: str) -> None:
        log = self.folder / "api.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api"],
                cwd=self.folder,
                env=_environment({**self.environment, "MIGRATION_API_PORT": str(self.port), **more}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        _wait(self.is_alive, self.process, log)
        self.is_usual = not more

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=STOP_SECONDS)
            self.process = None
        self.is_usual = False


@dataclass(frozen=True)
class UpCluster:
    """A cluster that `migration-cli up` runs."""

    url: str
    token: str
    sources: Path
    target_url: str


@contextmanager
def up_cluster(folder: Path, workers: int = 2) -> Iterator[UpCluster]:
    """Run a whole cluster below a folder that other users may pass."""
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    port, token, log = free_port(), secrets.token_hex(12), folder / "up.log"
    environment = _environment(
        {
            "MIGRATION_API_PORT": str(port),
            "MIGRATION_API_TOKEN": token,
            "MIGRATION_SOURCE_ROOT": str(sources),
            "MIGRATION_FLOWER_URL": f"http://127.0.0.1:{free_port()}",
        }
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*CLI, "up", "--workers", str(workers)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(lambda: "Ready." in log.read_text(errors="replace"), process, log)
        told = dict(line.split(None, 1) for line in log.read_text().splitlines() if " " in line)
        # "Ready" is said of the servers and Celery; the API listens a moment later.
        _wait(lambda: _answers(f"http://127.0.0.1:{port}"), process, log)
        yield UpCluster(f"http://127.0.0.1:{port}", token, sources, told["PostgreSQL"].strip())
    finally:
        process.terminate()  # not SIGINT: who was started in the background ignores that
        process.wait(timeout=STOP_SECONDS)
