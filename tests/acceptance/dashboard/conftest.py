from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from migration.ledger.ledger_database import open_ledger
from tests.support.api import TOKEN
from tests.support.browser_pages import WatchedPage, chromium, new_page
from tests.support.running_processes import ApiProcess, free_port


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while it runs, its event loop is that of the thread, and no other test could have one.
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def database_url(postgres_url: str) -> Iterator[str]:
    """One database for the module: a process that starts takes longer than all that is looked at here."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
    yield postgres_url.replace("/postgres?", f"/{name}?", 1)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="module")
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_ledger(database_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def api_process(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, database_url: str, valkey_url: str
) -> Iterator[ApiProcess]:
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("api")
    environment = {
        "MIGRATION_TARGET_URL": database_url,
        "MIGRATION_BROKER_URL": valkey_url,
        "MIGRATION_API_TOKEN": TOKEN,
        "MIGRATION_SOURCE_ROOT": str(folder),
    }
    process = ApiProcess(folder, environment, free_port())
    yield process
    process.kill()


@pytest.fixture
def api(api_process: ApiProcess) -> ApiProcess:
    """It runs, with its usual settings, whatever the test before has done to it."""
    if not api_process.is_usual:
        api_process.kill()
        api_process.start()
    return api_process


@pytest.fixture
def watched(browser: Browser, api: ApiProcess) -> Iterator[WatchedPage]:
    context, page = new_page(browser, api.url)
    yield page
    context.close()


@pytest.fixture
def phone(browser: Browser, api: ApiProcess) -> Iterator[WatchedPage]:
    context, page = new_page(browser, api.url, width=390)
    yield page
    context.close()
