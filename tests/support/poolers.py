"""A real PgBouncer before a real PostgreSQL. It is installed by apt-get where this runs as root and it is not there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import pytest

from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.unprivileged_folders import server_user
from tests.support.guarded import free_port

_START_SECONDS = 30.0
_SETTINGS = {
    "auth_type": "trust",
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "admin_users": "postgres",
    "default_pool_size": "20",
    "max_client_conn": "500",
    "server_lifetime": "3600",
    # A test that finds a client kept waiting should not wait as long as PgBouncer lets it by default.
    "query_wait_timeout": "60",
}


@cache
def pgbouncer_program() -> str:
    """Return the path of PgBouncer; skips the test where it is not there and cannot be installed."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    if shutil.which("pgbouncer", path=path) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "pgbouncer"]):
            subprocess.run(["apt-get", *arguments], check=False, capture_output=True, env=environment)
    found = shutil.which("pgbouncer", path=path)
    if found is None:
        pytest.skip("PgBouncer is not installed (Debian, Ubuntu: apt-get install pgbouncer)")
    return found


@dataclass
class PooledServer:
    """A PostgreSQL, and ways to it through poolers."""

    postgres: EmbeddedPostgres
    port: int
    folder: Path

    def direct(self, database: str, user: str = "postgres") -> str:
        """Return the URL of a database without a pooler."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def pooler(
        self, pool_mode: str, settings: Mapping[str, str] | None = None, processes: int = 1
    ) -> Iterator[int]:
        """Run PgBouncer for the time of the block and yield its port; several processes share the port."""
        port = free_port()
        shared = {"so_reuseport": "1"} if processes > 1 else {}
        with ExitStack() as stack:
            for number in range(processes):
                lines = {
                    **_SETTINGS,
                    **shared,
                    "listen_port": str(port),
                    "pool_mode": pool_mode,
                    **(settings or {}),
                }
                stack.enter_context(self._process(f"{port}-{number}", lines, port))
            yield port

    @contextmanager
    def _process(self, name: str, settings: Mapping[str, str], port: int) -> Iterator[None]:
        users = self.folder / f"{name}.users"
        users.write_text('"postgres" ""\n"clerk" ""\n', encoding="ascii")
        configuration = self.folder / f"{name}.ini"
        log = self.folder / f"{name}.log"
        lines = [f"{key} = {value}" for key, value in {**settings, "auth_file": str(users)}.items()]
        configuration.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.port}\n[pgbouncer]\n" + "\n".join(lines) + "\n",
            encoding="ascii",
        )
        identity = server_user(self.folder / "postgres")  # it does not run as root, either
        who: dict[str, object] = (
            {} if identity is None else {"user": identity[0], "group": identity[1], "extra_groups": []}
        )
        with log.open("wb") as out:
            process = subprocess.Popen(  # type: ignore[call-overload]
                [pgbouncer_program(), str(configuration)], stdout=out, stderr=out, **who
            )
        try:
            self._wait(process, port, log)
            yield
        finally:
            process.terminate()
            process.wait(30)

    @staticmethod
    def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"PgBouncer does not start:\n{log.read_text()}") from None
                time.sleep(0.02)
            else:
                return


@contextmanager
def pooled_server(folder: Path) -> Iterator[PooledServer]:
    """Run a PostgreSQL that poolers reach; `folder` must be one that its user may enter."""
    pgbouncer_program()
    port = free_port()
    server = EmbeddedPostgres(
        folder / "postgres",
        settings={"fsync": "off", "listen_addresses": "127.0.0.1", "port": str(port)},
    )
    server.start()
    try:
        folder.chmod(0o755)
        yield PooledServer(server, port, folder)
    finally:
        server.stop()


def settings_of(url: str) -> dict[str, str]:
    """Return every setting of a session; through a pooler, of one that a client before has left."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%' ORDER BY name"
        ).fetchall()
    return dict(found)
