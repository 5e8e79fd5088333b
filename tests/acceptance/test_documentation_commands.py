"""Every command and query of the documents that needs no cluster of its own, executed as a reader would."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.upgrade.ledger_of_0_1_0 import leave_run_of_0_1_0
from tests.support.documentation import (
    CLUSTER_PAGES,
    EXECUTED,
    PAGES,
    ROOT,
    SEVERAL_TARGETS_PAGE,
    blocks_of,
    page_name,
)
from tests.support.documentation_scenario import Scenario, Script
from tests.support.documentation_situations import (
    application_that_has_made_its_tables,
    reader_who_removes_convoy,
    shop_that_is_migrated,
)
from tests.support.replacement import pg_dump
from tests.support.shell import make_database

# A page is one test: its commands have bounds of their own, and all of them may take their time on a busy machine.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def scenario(target_url: str) -> Iterator[Scenario]:
    with tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as folder:
        opened = Scenario(Path(folder), target_url, MIGRATION_TARGET_URL=target_url)
        try:
            yield opened
        finally:
            opened.close()


def shop(scenario: Scenario) -> None:
    """The source of the reader, and what stands in the target already."""
    make_database(scenario.folder / "shop.db")
    with psycopg.connect(scenario.target) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE TABLE shop.book (id int)")


def shop_alone(scenario: Scenario) -> None:
    make_database(scenario.folder / "shop.db")


def my_database(scenario: Scenario) -> None:
    make_database(scenario.folder / "my.db")


def customers_with_odd_zips(scenario: Scenario) -> None:
    """A number that SQLite's text column spells with a leading zero, for a column of integers; and a trigger."""
    path = make_database(scenario.folder / "shop.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, zip TEXT)")
        connection.execute("INSERT INTO customer VALUES (1, '01234')")
        connection.execute("CREATE TRIGGER noted AFTER INSERT ON customer BEGIN SELECT 1; END")


def run_of_the_version_before(scenario: Scenario) -> None:
    """Its processes are stopped; pg_dump and its like are those of the server's version."""
    scenario.run_id = leave_run_of_0_1_0(scenario.folder, scenario.target)
    scenario.environment["PATH"] = f"{pg_dump(scenario.target).parent}:{scenario.environment['PATH']}"


def scripts_for(target: str) -> dict[str, Script]:
    library = "--source library.db --target-url embedded"
    return {
        "docs/tutorial.md": Script(
            statuses={
                f"migration-cli dry-run {library}": 1,
                f"migration-cli migrate {library} --report first": 1,
            }
        ),
        "docs/install.md": Script(
            before={'migration-cli purge "$RUN" --yes': reader_who_removes_convoy},
        ),
        "docs/how-to/developer-evening.md": Script(
            placeholders={"postgresql://me@host/shop": f"'{target}'"},
            before={"migration-cli dry-run --source my.db": my_database},
        ),
        "docs/how-to/dba-proof.md": Script(
            placeholders={"postgresql://me@host/shop": f"'{target}'"},
            before={"migration-cli migrate --source shop.db --report report": shop_alone},
        ),
        "docs/how-to/drive-by-program.md": Script(
            before={"migration-cli migrate --source my.db --json > report.json": my_database},
            statuses={"migration-cli migrate --source no-such.db --json": 2},
        ),
        "docs/runbook.md": Script(
            before={"openssl genpkey -algorithm ed25519 -out signing.pem": shop},
            statuses={'migration-cli rollback "$CUTOVER_RUN"': 2},
        ),
        "docs/upgrading.md": Script(
            placeholders={
                "postgresql://me@host/convoy_trial": f"'{re.sub('/t_[0-9a-f]+', '/convoy_trial', target)}'"
            },
            before={
                """psql "$MIGRATION_TARGET_URL" -c 'CREATE DATABASE convoy_trial'""": run_of_the_version_before
            },
        ),
        "docs/mapping.md": Script(
            before={
                "migration-cli migrate --source shop.db --accept customer.zip:number_respelled,skipped:trigger": (
                    customers_with_odd_zips
                )
            }
        ),
        "docs/unknown-application.md": Script(
            before={
                "migration-cli dry-run --source app.db --data-only --target-schema app": (
                    application_that_has_made_its_tables
                )
            },
            statuses={"migration-cli dry-run --source app.db --data-only --target-schema app": 2},
        ),
        "docs/validation.md": Script(
            placeholders={"postgresql://me@host/shop": f"'{target}'"},
            before={
                "migration-cli validate --source shop.db --report report/ --ignore owner,extra_column": (
                    shop_that_is_migrated
                )
            },
        ),
    }


@pytest.mark.parametrize(
    "page",
    [
        page
        for page in PAGES
        if page not in {*CLUSTER_PAGES, SEVERAL_TARGETS_PAGE}
        and any(block.kind in EXECUTED for block in blocks_of(page))
    ],
    ids=page_name,
)
def test_blocks_do_what_the_page_says(page: Path, scenario: Scenario) -> None:
    if page == ROOT / "CONTRIBUTING.md":
        # Tests that start tests: this shows that the arguments name some, and leaves them to the run it is part of.
        scenario.environment["PYTEST_ADDOPTS"] = "--collect-only -q"
    scenario.play(page, scripts_for(scenario.target).get(page_name(page), Script()))
    if page == ROOT / "docs" / "install.md":
        nothing_is_left(scenario)


def nothing_is_left(scenario: Scenario) -> None:
    """What the page removes is gone, and what is not Convoy's stands."""
    with psycopg.connect(scenario.target) as connection:
        schemas = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy%'"
        ).fetchall()
        (rows,) = connection.execute("SELECT count(*) FROM whole.book").fetchone() or (0,)
    home = scenario.folder / "home"
    assert (schemas, rows > 0) == ([], True)
    assert not (scenario.folder / ".convoy").exists()
    assert not (home / ".local" / "state" / "convoy").exists()
    assert not list((scenario.folder / "tmp").glob("convoy-*"))
    assert (home / ".bashrc").read_text(encoding="utf-8").split() == [
        "alias",
        "before=true",
        "alias",
        "after=true",
    ]
