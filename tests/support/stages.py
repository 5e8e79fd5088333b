"""Real stages for tests: a folder, a server that speaks S3, and the API; with snapshots to put there."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest
import uvicorn
from moto.server import ThreadedMotoServer

from api.__main__ import Server
from api.app import create_app
from tests.support.api import api_settings

BUCKET = "staged"


@dataclass(frozen=True)
class Frozen:
    """A file named by its SHA-256, as a producer on another host has left it."""

    snapshot: str
    sha256: str
    bytes: int


def freeze(folder: Path, size: int = 300_000, *, elsewhere: bool = True) -> Frozen:
    """Write random bytes as a snapshot into a folder; `elsewhere`: by a path that is not there on this host."""
    folder.mkdir(parents=True, exist_ok=True)
    data = os.urandom(size)
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{sha256}.sqlite"
    path.write_bytes(data)
    return Frozen(f"/another-host{path}" if elsewhere else str(path), sha256, size)


@contextmanager
def serve_snapshots(folder: Path) -> Iterator[int]:
    """Serve a folder of snapshots by the real API; yield its port on 127.0.0.1."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = create_app(api_settings(None, snapshot_dir=folder))
    server = Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2), app)
    # Signals belong to the main thread, which is pytest's.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.handle_exit(15, None)
        thread.join(timeout=20)
        listener.close()


@contextmanager
def serve_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve S3 for this process and its children, and yield its port; objects live as long as this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        point_to_s3(monkeypatch, f"{host}:{port}")
        fsspec.filesystem("s3", skip_instance_cache=True).makedirs(BUCKET, exist_ok=True)
        yield port
    finally:
        server.stop()


def point_to_s3(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Set what libraries of AWS read from the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
