"""A session is ours alone, or nothing is set in it: with a real PgBouncer in each of its modes."""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from migration.errors import TargetPoolerError, TargetUnreachableError
from migration.target import session_ownership
from migration.target.loading.table_readback import TargetReader
from migration.target.target_connection import connect
from tests.support.poolers import PooledServer, pooled_server, settings_of


@pytest.fixture(scope="module")
def server() -> Iterator[PooledServer]:
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-") as folder,
        pooled_server(Path(folder)) as server,
    ):
        yield server


@pytest.fixture
def database(server: PooledServer) -> Iterator[str]:
    """A database of its own: one pool of its own."""
    session_ownership._proven.clear()
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield name
    with psycopg.connect(server.direct("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def url(port: int, database: str, options: str = "") -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/{database}{options}"


SHARING = {
    "transaction": ("transaction", {}, 1),
    "statement": ("statement", {}, 1),
    "transaction, one server": ("transaction", {"default_pool_size": "1"}, 1),
    "transaction, two servers in turn": (
        "transaction",
        {"default_pool_size": "2", "min_pool_size": "2", "server_round_robin": "1"},
        1,
    ),
    "transaction, five servers in turn": (
        "transaction",
        {"min_pool_size": "5", "server_round_robin": "1"},
        1,
    ),
    "transaction, reset each time": ("transaction", {"server_reset_query_always": "1"}, 1),
    "transaction, three processes": ("transaction", {}, 3),
}


@pytest.mark.parametrize("case", SHARING)
def test_pool_that_is_shared_is_refused_and_left_as_it_was(
    server: PooledServer, database: str, case: str
) -> None:
    mode, settings, processes = SHARING[case]
    with server.pooler(mode, settings, processes) as port:
        before = settings_of(url(port, database))
        for opening in (connect, TargetReader):
            with pytest.raises(TargetPoolerError, match="shares sessions") as caught:
                opening(url(port, database), "convoy test")
            assert "port of the server itself" in caught.value.remedy
            assert caught.value.exit_status == 2
        for _ in range(10):
            assert settings_of(url(port, database)) == before | {"application_name": ""}
    with psycopg.connect(server.direct(database)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (
            0,
        )


def test_pool_that_is_shared_is_found_while_others_use_it(server: PooledServer, database: str) -> None:
    ended = threading.Event()

    def work(port: int) -> None:
        with closing(psycopg.connect(url(port, database), autocommit=True)) as connection:
            while not ended.is_set():
                with connection.transaction():
                    connection.execute("SELECT pg_sleep(random() / 200)", prepare=False)

    with server.pooler("transaction") as port:
        clients = [threading.Thread(target=work, args=(port,)) for _ in range(6)]
        for client in clients:
            client.start()
        try:
            for _ in range(5):
                session_ownership._proven.clear()
                with pytest.raises(TargetPoolerError):
                    connect(url(port, database), "convoy test")
        finally:
            ended.set()
            for client in clients:
                client.join(30)


def test_sessions_of_ones_own_are_used_and_handed_on_clean(server: PooledServer, database: str) -> None:
    with server.pooler("session", {"default_pool_size": "12"}) as port:
        before = settings_of(url(port, database))
        with closing(connect(url(port, database), "convoy test", wait_for_disk=False)) as connection:
            assert connection.execute("SHOW row_security").fetchone() == ("off",)
            connection.execute("SELECT pg_advisory_lock(1)")
            connection.commit()
        with TargetReader(url(port, database)) as reader, closing(reader._connection.cursor()) as cursor:
            cursor.execute("SELECT current_setting('row_security')")
            assert cursor.fetchone() == ("off",)
        with psycopg.connect(server.direct(database), autocommit=True) as direct:
            for _ in range(200):  # PgBouncer clears a session after its client has gone
                left = direct.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
                if left == (0,):
                    break
                direct.execute("SELECT pg_sleep(0.05)")
            assert left == (0,)
        for _ in range(10):
            assert settings_of(url(port, database)) == before | {"application_name": ""}


@pytest.mark.parametrize(
    ("reset", "word"), [("", "set"), ("RESET ALL", "locked"), ("SELECT pg_advisory_unlock_all()", "set")]
)
def test_pool_that_hands_sessions_on_as_they_are_is_refused(
    server: PooledServer, database: str, reset: str, word: str
) -> None:
    with server.pooler("session", {"server_reset_query": reset}) as port:
        before = settings_of(url(port, database))
        with pytest.raises(TargetPoolerError, match=f"what its last client has {word}") as caught:
            connect(url(port, database), "convoy test")
        assert "server_reset_query = DISCARD ALL" in caught.value.remedy
        for _ in range(10):
            assert settings_of(url(port, database)) == before | {"application_name": ""}
    with psycopg.connect(server.direct(database)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (
            0,
        )


def test_pool_without_a_session_to_spare_says_so(server: PooledServer, database: str) -> None:
    with (
        server.pooler("session", {"default_pool_size": "1"}) as port,
        pytest.raises(TargetUnreachableError, match="no session to spare") as caught,
    ):
        connect(url(port, database), "convoy test")
    assert "pool_size" in caught.value.remedy


def test_session_of_a_pool_that_others_fill_is_still_ours(server: PooledServer, database: str) -> None:
    with (
        server.pooler("session", {"default_pool_size": "4"}) as port,
        closing(psycopg.connect(url(port, database))),
        closing(connect(url(port, database), "test")) as own,
    ):
        assert own.execute("SHOW row_security").fetchone() == ("off",)


def test_the_pooler_is_asked_once_in_a_while(
    server: PooledServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.pooler("session") as port:
        connect(url(port, database), "test").close()
        with monkeypatch.context() as patch:
            patch.setattr(session_ownership, "_CLIENTS", 0)  # it would find no client
            connect(url(port, database), "test").close()
            session_ownership._proven.clear()
            with pytest.raises(TargetUnreachableError):
                connect(url(port, database), "test")


def test_direct_way_costs_no_further_session(server: PooledServer, database: str) -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    statistics = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    with closing(connect(server.direct(database), "test")) as connection:
        assert connection.execute(count).fetchone() == (1,)
        with suppress(psycopg.errors.UndefinedColumn):
            assert connection.execute(statistics).fetchone() in {(0,), (1,)}
