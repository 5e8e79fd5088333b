"""A server whose COMMITs wait for a synchronous standby that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.support.shell import wait_until

NAME = "nobody"


@contextmanager
def replicating_server(folder: Path) -> Iterator[str]:
    """Run a server that could have standbys, and yield its URL; the embedded one as it is has none."""
    settings = {"fsync": "off", "wal_level": "replica", "max_wal_senders": "2"}
    server = EmbeddedPostgres(folder / "postgres", settings=settings)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def lost_standby(url: str) -> Iterator[None]:
    """Let every COMMIT of the server wait, until the end of the block."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.commits (n int)")
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            assert wait_until(lambda: _waits(url))
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
            assert wait_until(lambda: not _waits(url))


def _waits(url: str) -> bool:
    """Whether a COMMIT waits: the checkpointer hears of the setting, and lets the others know."""
    with (
        closing(psycopg.connect(url, autocommit=True)) as session,
        closing(psycopg.connect(url, autocommit=True)) as other,
    ):
        session.pgconn.send_query(b"INSERT INTO public.commits VALUES (1)")
        event = ""
        for _ in range(20):
            row = other.execute(
                "SELECT coalesce(wait_event, ''), state, pg_sleep(0.01) FROM pg_stat_activity WHERE pid = %s",
                [session.info.backend_pid],
            ).fetchone()
            assert row is not None
            event = row[0]
            if event == "SyncRep" or row[1] == "idle":
                break
        other.execute("SELECT pg_terminate_backend(%s)", [session.info.backend_pid])
    return event == "SyncRep"


def waiting_commits(url: str) -> int:
    """Return how many sessions of this database wait for the standby now."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()"
        ).fetchone()
        assert row is not None
        return int(row[0])
