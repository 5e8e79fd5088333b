"""PgBouncer before the target: refused before anything is written where it shares sessions, else as good as none."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from celery import Celery

from api.app import create_app
from migration.convoy_error import ConvoyError
from migration.errors import ConnectionLostError, TargetLoginError, TargetPoolerError
from migration.settings import Settings
from migration.steps.step_context import StepContext
from migration.target.target_connection import connect
from producer.run_state_machine import Runner
from tests.support.api import TOKEN, ApiClient, api_settings
from tests.support.poolers import PooledServer, pooled_server, settings_of
from tests.support.shell import Shell, make_database


@pytest.fixture(scope="module")
def server() -> Iterator[PooledServer]:
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-") as folder,
        pooled_server(Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def database(server: PooledServer) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield name
    with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def through(port: int, database: str) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/{database}"


def schemas(server: PooledServer, database: str) -> list[str]:
    with psycopg.connect(server.direct(database)) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
            " ORDER BY 1"
        ).fetchall()
    return [name for (name,) in found]


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_every_command_refuses_a_pool_that_is_shared(
    server: PooledServer, database: str, tmp_path: Path, mode: str
) -> None:
    source = make_database(tmp_path / "shop.db")
    with server.pooler(mode) as port:
        before = settings_of(through(port, database))
        shell = Shell(tmp_path, through(port, database))
        for command in (
            ("migrate", "--source", str(source)),
            ("dry-run", "--source", str(source)),
            ("validate", "--source", str(source)),
            ("status",),
            ("resume", str(uuid.uuid4())),
            ("rollback", str(uuid.uuid4())),
        ):
            status, out, err = shell.run(*command)
            assert status == 2, (command, out, err)
            assert "pool_mode = session" in err, (command, err)
        assert settings_of(through(port, database)) == before
    assert schemas(server, database) == ["public"]


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_the_doctor_names_a_pool_that_is_shared_and_changes_no_session_of_it(
    server: PooledServer, database: str, tmp_path: Path, mode: str
) -> None:
    with server.pooler(mode) as port:
        before = settings_of(through(port, database))
        status, out, _ = Shell(tmp_path, through(port, database)).run("doctor", "--json")
        assert settings_of(through(port, database)) == before

    found = {check["name"]: check for check in json.loads(out)["checks"]}
    pooler = found["encoding and pooler"]
    assert (status, pooler["health"]) == (2, "failed")
    assert "pool_mode = session" in pooler["remedy"] + pooler["command"]
    assert {"rights", "ledger"} & set(found) == set(), "nothing is told of what could not be looked at"
    assert schemas(server, database) == ["public"]


def test_the_doctor_finds_all_well_behind_a_pool_of_whole_sessions(
    server: PooledServer, database: str, tmp_path: Path
) -> None:
    with server.pooler("session") as port:
        status, out, _ = Shell(tmp_path, through(port, database)).run("doctor", "--json")

    answer = json.loads(out)
    assert (status, {check["health"] for check in answer["checks"]}) == (0, {"ok"}), out
    assert schemas(server, database) == ["public"]


def test_api_producer_and_worker_refuse_it_too(server: PooledServer, database: str, tmp_path: Path) -> None:
    source = make_database(tmp_path / "shop.db")
    with server.pooler("transaction") as port:
        settings = api_settings(tmp_path, target_url=through(port, database))
        client = ApiClient(create_app(settings), {"Authorization": f"Bearer {TOKEN}"})
        answer = client.post("/api/v1/migration/start", json={"sources": [source.name]})
        assert answer.status_code == 409, answer.text
        assert answer.json()["code"] == "target-pooler"
        own = Settings(_env_file=None, target_url=through(port, database))  # type: ignore[call-arg,arg-type]
        with pytest.raises(TargetPoolerError):
            _ = Runner(Celery(), own).engine
        context = StepContext(own, "worker")
        with pytest.raises(TargetPoolerError):
            context.engine.connect()
        with pytest.raises(TargetPoolerError):
            context.target_reader()
    assert schemas(server, database) == ["public"]


def test_pool_in_session_mode_carries_a_run_from_end_to_end(
    server: PooledServer, database: str, tmp_path: Path
) -> None:
    source = make_database(tmp_path / "shop.db")
    with server.pooler("session", {"default_pool_size": "40"}) as port:
        before = settings_of(through(port, database))
        shell = Shell(tmp_path, through(port, database))
        migrate = ("migrate", "--source", str(source), "--workers", "2")
        status, out, err = shell.run(*migrate)
        assert status == 0, (out, err)
        assert shell.query("SELECT count(*) FROM book") == [(300,)]
        status, out, err = shell.run("validate", "--source", str(source))
        assert status == 0, (out, err)
        (run,) = shell.query("SELECT id::text FROM convoy.runs WHERE mode = 'migrate'")[0]
        status, out, err = shell.run("rollback", run)
        assert status == 0, (out, err)
        assert shell.query("SELECT to_regclass('book')") == [(None,)]
        for _ in range(20):
            assert settings_of(through(port, database)) == before
    with psycopg.connect(server.direct(database)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (
            0,
        )


@contextmanager
def clerk_needs_a_password(server: PooledServer) -> Iterator[None]:
    """Let the server ask one user for a password that no list of a pooler has."""
    rules = server.folder / "postgres" / "pg_hba.conf"
    before = rules.read_text()
    with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
        rules.write_text(f"host all clerk 127.0.0.1/32 scram-sha-256\n{before}")
        try:
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'"
            )
            yield
        finally:
            rules.write_text(before)
            connection.execute("SELECT pg_reload_conf()")


def test_login_that_a_pooler_refuses_is_told_from_a_server_that_is_away(
    server: PooledServer, database: str
) -> None:
    with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'right'")
    found: list[ConvoyError] = []
    try:
        with server.pooler("session", {"auth_type": "scram-sha-256"}) as port:
            found.append(refusal(f"postgresql://clerk:wrong@127.0.0.1:{port}/{database}"))
        assert "SASL authentication failed" in str(found[-1])
        with server.pooler("session") as port:
            url = f"postgresql://clerk@127.0.0.1:{port}/{database}?connect_timeout=20"
            psycopg.connect(url).close()  # so it knows how the server greets, and lets clients in by itself
            with clerk_needs_a_password(server):
                while "server login has been failing" not in str(found[-1]):
                    found.append(refusal(url))
                    assert len(found) < 20, found
    finally:
        with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
            connection.execute("DROP ROLE clerk")
    # The one that was open has been ended by the server: all others are refused
    refused = [error for error in found if not isinstance(error, ConnectionLostError)]
    assert {type(error) for error in refused} == {TargetLoginError}
    assert all("auth_file" in error.remedy for error in refused)


def refusal(url: str) -> ConvoyError:
    with pytest.raises(ConvoyError) as refused:
        connect(url, "test")
    return refused.value
