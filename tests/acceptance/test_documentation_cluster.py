"""README.md from its first command to a running cluster, and the pages that are played on that cluster."""

from __future__ import annotations

import json
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.documentation import CLUSTER_PAGES, page_name
from tests.support.documentation_scenario import Scenario, Script
from tests.support.documentation_situations import (
    damaged_source,
    dump_and_folder,
    run_that_failed,
    run_that_is_complete,
    run_that_is_held,
    run_with_quarantine,
    table_with_objects,
)
from tests.support.running_processes import free_ports
from tests.support.shell import make_database

START_SECONDS = 90
# A page is one test: its commands have bounds of their own, and all of them may take their time on a busy machine.
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Cluster:
    """What README.md's reader writes into `.env`, and the port of the second API, which docs/http.md starts."""

    broker: int
    postgres: int
    flower: int
    api: int
    second_api: int
    password: str
    token: str

    @property
    def target_url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.postgres}/educational_apps"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(*free_ports(5), password=secrets.token_hex(12), token=secrets.token_hex(12))


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
        make_database(opened.folder / "my.db")
        one_table(opened.folder / "sources" / "my.db", "note")
        try:
            yield opened
        finally:
            opened.close()
            for database in (name, f"{name}_trial"):
                connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def one_table(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute(f"INSERT INTO {table} VALUES (1, 'Balls to the Wall')")


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


def readme(scenario: Scenario, cluster: Cluster) -> Script:
    def fill_in(scenario: Scenario) -> None:
        """What the comment asks for: name your Redis and PostgreSQL there, and a token for the API."""
        values = {
            "MIGRATION_BROKER_URL": f"redis://127.0.0.1:{cluster.broker}/0",
            "MIGRATION_TARGET_URL": f"postgresql://postgres@127.0.0.1:{cluster.postgres}/educational_apps",
            "MIGRATION_TARGET_PASSWORD": cluster.password,
            "MIGRATION_API_TOKEN": cluster.token,
            "MIGRATION_SOURCE_ROOT": str(scenario.folder / "sources"),
            "MIGRATION_API_PORT": str(cluster.api),
            "FLOWER_BASIC_AUTH": f"flower:{secrets.token_hex(12)}",
            "FLOWER_PORT": str(cluster.flower),
        }
        with (scenario.folder / ".env").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}='{value}'\n" for name, value in values.items())

    return Script(
        placeholders={
            "postgresql://me@host/shop": f"'{scenario.target}'",
            "postgresql://me@host/trial": f"'{trial(scenario)}'",
            "http://127.0.0.1:8000": f"http://127.0.0.1:{cluster.api}",
        },
        before={
            ".venv/bin/migration-cli cutover RUN": run_that_is_held,
            ".venv/bin/migration-cli resume RUN": run_that_failed,
            "install -m 600 .env.example .env": Scenario.new_shell,
            ".venv/bin/honcho start": fill_in,
        },
        serves={".venv/bin/honcho start": answers(cluster.api)},
    )


def check_readme(scenario: Scenario, cluster: Cluster) -> None:
    """The run that the README starts last comes to its end, and the others have done what it says."""
    wait_until_finished(scenario, cluster.api)
    with psycopg.connect(trial(scenario)) as connection:
        assert connection.execute("SELECT count(*) FROM book").fetchone() == (300,)
    report = json.loads((scenario.folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["status"] == "completed"


def operations(scenario: Scenario, cluster: Cluster) -> Script:
    """The page leaves out the target, so the reader has one in `.env`."""
    scenario.new_shell()
    scenario.target = cluster.target_url
    return Script(
        before={
            "migration-cli resume RUN": run_that_failed,
            "migration-cli cancel RUN": run_that_failed,
            "migration-cli rollback RUN": run_that_is_complete,
            "migration-cli purge RUN --yes": run_that_is_complete,
            "migration-cli quarantine list RUN --table book --limit 20": run_with_quarantine,
            "migration-cli migrate --source backup.sql.gz": dump_and_folder,
            "migration-cli dry-run --source app.db --salvage": damaged_source,
            "migration-cli dry-run --source shop.db --if-exists replace": table_with_objects,
        },
        statuses={
            "migration-cli dry-run --source app.db --salvage": 1,
            "migration-cli migrate --source app.db --salvage": 1,
            "migration-cli dry-run --source shop.db --if-exists replace": 2,
            "migration-cli migrate --source shop.db --if-exists replace --drop-dependents view,column": 1,
        },
    )


def http_reference(scenario: Scenario, cluster: Cluster) -> Script:
    one_table(scenario.folder / "sources" / "chinook.sqlite", "track")
    scenario.new_shell()
    scenario.environment["MIGRATION_API_PORT"] = str(cluster.second_api)
    rollback = (
        'curl -sS -X POST -H "Authorization: Bearer $MIGRATION_API_TOKEN"'
        ' "http://127.0.0.1:8000/api/v1/migration/$RUN/rollback"'
    )
    return Script(
        placeholders={
            "/srv/sqlite": str(scenario.folder / "sources"),
            "http://127.0.0.1:8000": f"http://127.0.0.1:{cluster.second_api}",
        },
        before={rollback: lambda scenario: wait_until_finished(scenario, cluster.second_api)},
        serves={".venv/bin/python -m api": answers(cluster.second_api)},
    )


def platform_team(scenario: Scenario, cluster: Cluster) -> Script:
    """Two tenants have brought their databases."""
    tenants = scenario.folder / "sources" / "tenants"
    tenants.mkdir()
    for name in ("acorn", "birch"):
        make_database(tenants / f"{name}.db")
    scenario.new_shell()
    scenario.environment["MIGRATION_API_TOKEN"] = cluster.token
    scenario.environment["CONVOY_API"] = f"http://127.0.0.1:{cluster.api}"
    return Script(
        placeholders={"http://127.0.0.1:8000": f"http://127.0.0.1:{cluster.api}"},
        statuses={"python migrate_all.py 2031-05-02 tenants/acorn.db tenants/no-such.db": 2},
    )


SCRIPTS = {
    "README.md": readme,
    "docs/operations.md": operations,
    "docs/http.md": http_reference,
    "docs/how-to/platform-team.md": platform_team,
}
CHECKS = {"README.md": check_readme}


@pytest.mark.parametrize("page", CLUSTER_PAGES, ids=page_name)
def test_blocks_do_what_the_page_says(page: Path, scenario: Scenario, cluster: Cluster) -> None:
    name = page_name(page)
    if name != "README.md":
        assert scenario.is_serving(), "README.md has left no cluster"

    scenario.play(page, SCRIPTS[name](scenario, cluster))

    if name in CHECKS:
        CHECKS[name](scenario, cluster)


def trial(scenario: Scenario) -> str:
    """The URL of the second database of README.md."""
    return scenario.target.replace("?", "_trial?", 1)
