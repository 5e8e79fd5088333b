"""README.md from its first command to a running cluster, and docs/http.md on that cluster; all of it executed."""

from __future__ import annotations

import json
import secrets
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.documentation import CLUSTER_PAGES, page_name
from tests.support.documentation_scenario import Scenario, Script
from tests.support.documentation_situations import run_that_failed
from tests.support.shell import make_database

START_SECONDS = 90


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return dict(zip(("broker", "postgres", "flower", "readme", "http"), free_ports(5), strict=True))


@pytest.fixture(scope="module")
def scenario(postgres_url: str) -> Iterator[Scenario]:
    """One folder for both pages; README.md leaves its cluster running in it."""
    name = f"readme_{secrets.token_hex(6)}"
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as folder,
        psycopg.connect(postgres_url, autocommit=True) as connection,
    ):
        for database in (name, f"{name}_trial"):
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE template0')
        opened = Scenario(Path(folder), postgres_url.replace("/postgres?", f"/{name}?", 1))
        (opened.folder / "sources").mkdir()
        for path in (opened.folder / "my.db", opened.folder / "sources" / "my.db"):
            make_database(path)
        try:
            yield opened
        finally:
            opened.close()
            for database in (name, f"{name}_trial"):
                connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def wait_until_finished(scenario: Scenario, port: int) -> None:
    """Until the run of the last answer has ended."""
    token = scenario.environment["MIGRATION_API_TOKEN"]
    url = f"http://127.0.0.1:{port}/api/v1/migration/{scenario.run_id}/status"
    status = {}
    for _ in range(START_SECONDS * 5):
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        status = answer.json()
        if status["finished"]:
            break
        time.sleep(0.2)
    assert status["phase"] == "completed", status


def answers(port: int) -> Callable[[Scenario], bool]:
    """Return what waits until an API and all that it needs are there."""

    def is_ready(scenario: Scenario) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while scenario.is_serving() and time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                    return True
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        return False

    return is_ready


def readme(scenario: Scenario, ports: dict[str, int]) -> Script:
    def fill_in(scenario: Scenario) -> None:
        """What the comment asks for: name your Redis and PostgreSQL there, and a token for the API."""
        token = secrets.token_hex(12)
        values = {
            "MIGRATION_BROKER_URL": f"redis://127.0.0.1:{ports['broker']}/0",
            "MIGRATION_TARGET_URL": f"postgresql://postgres@127.0.0.1:{ports['postgres']}/educational_apps",
            "MIGRATION_TARGET_PASSWORD": secrets.token_hex(12),
            "MIGRATION_API_TOKEN": token,
            "MIGRATION_SOURCE_ROOT": str(scenario.folder / "sources"),
            "MIGRATION_API_PORT": str(ports["readme"]),
            "FLOWER_BASIC_AUTH": f"flower:{secrets.token_hex(12)}",
            "FLOWER_PORT": str(ports["flower"]),
        }
        with (scenario.folder / ".env").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())
        scenario.environment["MIGRATION_API_TOKEN"] = token

    return Script(
        placeholders={
            "postgresql://me@host/shop": f"'{scenario.target}'",
            "postgresql://me@host/trial": f"'{trial(scenario)}'",
            "http://127.0.0.1:8000": f"http://127.0.0.1:{ports['readme']}",
        },
        before={
            ".venv/bin/migration-cli resume RUN": run_that_failed,
            "cp .env.example .env": Scenario.new_shell,
            ".venv/bin/honcho start": fill_in,
        },
        serves={".venv/bin/honcho start": answers(ports["readme"])},
    )


def check_readme(scenario: Scenario, ports: dict[str, int]) -> None:
    """The run that the README starts last comes to its end, and the others have done what it says."""
    wait_until_finished(scenario, ports["readme"])
    with psycopg.connect(trial(scenario)) as connection:
        assert connection.execute("SELECT count(*) FROM book").fetchone() == (300,)
    report = json.loads((scenario.folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["status"] == "completed"


def http_reference(scenario: Scenario, ports: dict[str, int]) -> Script:
    assert scenario.is_serving(), "README.md has left no cluster"
    with closing(sqlite3.connect(scenario.folder / "sources" / "chinook.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE track (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO track VALUES (1, 'Balls to the Wall')")
    scenario.new_shell()
    scenario.environment["MIGRATION_API_PORT"] = str(ports["http"])
    rollback = (
        'curl -sS -X POST -H "Authorization: Bearer $MIGRATION_API_TOKEN"'
        ' "http://127.0.0.1:8000/api/v1/migration/$RUN/rollback"'
    )
    return Script(
        placeholders={
            "/srv/sqlite": str(scenario.folder / "sources"),
            "http://127.0.0.1:8000": f"http://127.0.0.1:{ports['http']}",
        },
        before={rollback: lambda scenario: wait_until_finished(scenario, ports["http"])},
        serves={".venv/bin/python -m api": answers(ports["http"])},
    )


SCRIPTS = {"README.md": readme, "docs/http.md": http_reference}
CHECKS = {"README.md": check_readme}


@pytest.mark.parametrize("page", CLUSTER_PAGES, ids=page_name)
def test_blocks_do_what_the_page_says(page: Path, scenario: Scenario, ports: dict[str, int]) -> None:
    name = page_name(page)

    scenario.play(page, SCRIPTS[name](scenario, ports))

    if name in CHECKS:
        CHECKS[name](scenario, ports)


def trial(scenario: Scenario) -> str:
    """The URL of the second database of README.md."""
    return scenario.target.replace("?", "_trial?", 1)
