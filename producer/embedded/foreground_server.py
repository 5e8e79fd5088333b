"""`python -m producer.embedded.foreground_server redis|postgres`: a server of the Procfile, until SIGTERM.

It listens on the loopback address that MIGRATION_BROKER_URL or MIGRATION_TARGET_URL names, so that the
processes beside it find it there without any further setting. For development; production names its own servers.

honcho sends SIGTERM to all processes at once, and workers need their servers to end a chunk and to say goodbye: so a
server waits until its clients are gone, up to a bound.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import LocalClusterError, SettingError, TargetUrlError
from migration.exit_status import ExitStatus
from migration.secret_text import guard_output
from migration.settings import Settings, load_settings
from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.embedded_valkey import EmbeddedValkey
from producer.embedded.supervisor_client import SupervisorClient

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_LOOK_SECONDS = 0.5
_FAREWELL_SECONDS = 30.0
"""For clients to leave; honcho kills what lives on after 5 s, and then nobody is left to wait for."""
_FAREWELL_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is to listen, and for whom. An empty password asks for none."""

    port: int
    user: str = ""
    password: str = ""
    database: str = ""


def _loopback(name: str, host: str, process: str) -> None:
    if host not in _LOOPBACK:
        raise SettingError(
            f"{name} names {host or 'a service'}, which is not a server of this machine",
            remedy=f"Leave `{process}` out (`honcho start api producer worker flower`), or name 127.0.0.1",
            next_steps=(NextStep("Start the other processes", "honcho start api producer worker flower"),),
            setting=name,
        )


def broker_address(settings: Settings) -> Address:
    """Return where the broker is to listen.

    Raises:
        UsageError: the URL is missing, or is no redis:// URL on loopback.
    """
    parts = urlsplit(settings.broker_url or "")
    if parts.scheme != "redis":
        raise SettingError(
            "No broker to start",
            setting="MIGRATION_BROKER_URL",
            remedy="Name one as redis://127.0.0.1:6379/0",
        )
    _loopback("MIGRATION_BROKER_URL", parts.hostname or "", "redis")
    return Address(port=parts.port or 6379, password=unquote(parts.password or ""))


def target_address(settings: Settings) -> Address:
    """Return where PostgreSQL is to listen, and which role and database it is to have.

    Raises:
        UsageError: the URL is missing or wrong, or is not on loopback.
    """
    if settings.target_url is None:
        raise SettingError(
            "No PostgreSQL to start",
            setting="MIGRATION_TARGET_URL",
            remedy="Name one as postgresql://postgres@127.0.0.1:5432/educational_apps",
        )
    try:
        parts: Mapping[str, Any] = conninfo_to_dict(settings.target_url.get_secret_value())
    except psycopg.ProgrammingError as error:
        raise TargetUrlError(
            "MIGRATION_TARGET_URL is no PostgreSQL URL", setting="MIGRATION_TARGET_URL"
        ) from error
    _loopback("MIGRATION_TARGET_URL", str(parts.get("host", "")), "postgres")
    user = str(parts.get("user", "postgres"))
    fallback = settings.target_password.get_secret_value() if settings.target_password else ""
    return Address(
        port=int(parts.get("port", 5432)),
        user=user,
        password=str(parts.get("password", fallback)),
        database=str(parts.get("dbname", user)),
    )


def _prepare(server: EmbeddedPostgres, address: Address) -> None:
    """Give the server the role, the database and the rules of admission that `address` asks for."""
    server.start()
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            role, database = sql.Identifier(address.user), sql.Identifier(address.database)
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", address.user):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            if address.password:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(address.password))
                )
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", address.database):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(database, role)
                )
            found = connection.execute("SHOW hba_file").fetchone()
            assert found is not None  # noqa: S101 - SHOW gives one row
            method = "scram-sha-256" if address.password else "trust"
            Path(found[0]).write_text(
                "# Written by producer/embedded/foreground_server.py.\n"
                "# The socket stands in a folder of its owner alone.\n"
                f"local all all trust\nhost all all 127.0.0.1/32 {method}\nhost all all ::1/128 {method}\n",
                encoding="utf-8",
            )
    finally:
        server.stop()


def _exists(connection: psycopg.Connection, statement: str, name: str) -> bool:
    return connection.execute(statement, (name,)).fetchone() is not None


def _folder(settings: Settings, server: str) -> Path:
    # Not the folder of `--target-url embedded`: a command may use that at the same time, on a socket of its own.
    return settings.embedded_dir.with_name("cluster") / server


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: where it listens, and how many clients it has."""

    place: str
    clients: Callable[[], int]


def serve_postgres(settings: Settings, supervisor: SupervisorClient) -> Served:
    """Start PostgreSQL where MIGRATION_TARGET_URL names it."""
    address = target_address(settings)
    # First on its socket only: whoever reaches it by TCP finds role, database and password in place.
    folder = _folder(settings, "postgres")
    _prepare(EmbeddedPostgres(folder), address)
    listen = {"listen_addresses": "127.0.0.1", "port": str(address.port)}
    server = EmbeddedPostgres(folder, settings=listen, supervisor=supervisor)
    server.start()

    def clients() -> int:
        with psycopg.connect(server.url, autocommit=True, connect_timeout=int(_ANSWER_SECONDS)) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
        return int(found[0]) if found else 0

    return Served(f"127.0.0.1:{address.port}, database {address.database}", clients)


def serve_redis(settings: Settings, supervisor: SupervisorClient) -> Served:
    """Start Valkey where MIGRATION_BROKER_URL names it."""
    address = broker_address(settings)
    server = EmbeddedValkey(
        _folder(settings, "valkey"), port=address.port, password=address.password, supervisor=supervisor
    )
    server.start()

    def clients() -> int:
        with redis.Redis.from_url(server.url, socket_timeout=_ANSWER_SECONDS) as connection:
            return len(connection.client_list()) - 1

    return Served(f"127.0.0.1:{address.port}", clients)


def wait_for_clients_to_leave(served: Served, seconds: float = _FAREWELL_SECONDS) -> None:
    """Return when no client is left, when the server does not answer any more, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if served.clients() == 0:
                return
        except (psycopg.Error, redis.RedisError):
            return
        time.sleep(_FAREWELL_LOOK_SECONDS)


_SERVERS: dict[str, Callable[[Settings, SupervisorClient], Served]] = {
    "redis": serve_redis,
    "postgres": serve_postgres,
}


def main(arguments: list[str]) -> int:
    """Run the named server until SIGTERM or Ctrl-C; return the exit status."""
    if len(arguments) != 1 or arguments[0] not in _SERVERS:
        print("usage: python -m producer.embedded.foreground_server redis|postgres", file=sys.stderr)  # noqa: T201
        return ExitStatus.UNUSABLE_INPUT
    guard_output()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    supervisor = SupervisorClient()
    try:
        served = _SERVERS[arguments[0]](load_settings(), supervisor)
        print(f"listening on {served.place}", flush=True)  # noqa: T201
        while not stopping.wait(_LOOK_SECONDS):
            if supervisor.exits():
                raise LocalClusterError(
                    "The server has ended by itself", process=arguments[0], remedy="Its log says why"
                )
        wait_for_clients_to_leave(served)
    except ConvoyError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    finally:
        supervisor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
