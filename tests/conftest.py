"""Real servers for every test that crosses a wire; one of each for a pytest process."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.long_suites import LONG_SUITES

pytest_plugins = ("tests.support.pipeline", "tests.support.stage_scene")

# Real applications are built first, which takes minutes: `make apps` names their folder.
collect_ignore = ["applications"]

# A shell that starts CI in the background ignores SIGINT, and so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATABASES = Path(__file__).resolve().parents[2] / "shared" / "databases"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves out."""
    for item in items:
        if item.path.relative_to(config.rootpath).as_posix() in LONG_SUITES:
            item.add_marker("long")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a test has set up of logging, by a command run in this process, say, ends with it."""
    root = logging.getLogger()
    level = root.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    root.handlers[:] = [handler for handler in root.handlers if not getattr(handler, "is_convoys", False)]
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def passable_path() -> Iterator[Path]:
    """A folder for embedded servers; root's PostgreSQL runs as another user, who must reach its data.

    Not below pytest's own folder: each new pytest session closes that to other users again.
    """
    with tempfile.TemporaryDirectory(prefix="convoy-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL, as a URL to its maintenance database."""
    from producer.embedded.embedded_postgres import EmbeddedPostgres

    with tempfile.TemporaryDirectory(prefix="convoy-test-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


@pytest.fixture
def target_url(postgres_url: str) -> Iterator[str]:
    """A fresh, empty database for one test."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield postgres_url.replace("/postgres?", f"/{name}?", 1)
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Valkey with its append-only file on."""
    from producer.embedded.embedded_valkey import EmbeddedValkey

    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def shared_databases() -> Path:
    """The folder of real SQLite files, where it is there."""
    if not SHARED_DATABASES.is_dir():
        pytest.skip("the folder of real databases is not beside this checkout")
    return SHARED_DATABASES
