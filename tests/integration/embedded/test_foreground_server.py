"""The Procfile's own servers as processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis

PASSWORD = "p w'\"\\é"  # what quoting gets wrong, if anything


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="convoy-test-") as folder:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("MIGRATION_")},
            "MIGRATION_EMBEDDED_DIR": str(Path(folder) / "postgres"),
        }


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(server: str, env: dict[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "producer.embedded.foreground_server", server],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("listening on 127.0.0.1:")
    return process


def wait_until(gone: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not gone():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refuses(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_postgres_has_the_role_the_database_and_the_password_that_its_url_names(env: dict[str, str]) -> None:
    port = free_port()
    env |= {
        "MIGRATION_TARGET_URL": f"postgresql://app@127.0.0.1:{port}/school",
        "MIGRATION_TARGET_PASSWORD": PASSWORD,
    }
    for _ in range(2):  # the second time on the data of the first
        with serve("postgres", env) as process:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="app", dbname="school", password=PASSWORD
            ) as connection:
                connection.execute("CREATE SCHEMA IF NOT EXISTS convoy")
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host="127.0.0.1", port=port, user="app", dbname="school", password="wrong")
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(
                    host="127.0.0.1", port=port, user="postgres", dbname="school", password="wrong"
                )
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
        assert refuses(port)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_redis_ends_with_its_process_however_that_ends(env: dict[str, str], end: signal.Signals) -> None:
    port = free_port()
    env |= {"MIGRATION_BROKER_URL": f"redis://:p%20w%27%22%5C%C3%A9@127.0.0.1:{port}/0"}

    with serve("redis", env) as process:
        with closing(redis.Redis(port=port, password=PASSWORD)) as client:
            assert client.ping()
        with closing(redis.Redis(port=port)) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        process.send_signal(end)

    wait_until(lambda: refuses(port))
