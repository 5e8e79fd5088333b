"""Every command and query of the documents that needs no cluster of its own, executed as a reader would."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documentation import CLUSTER_PAGES, EXECUTED, PAGES, ROOT, blocks_of, page_name
from tests.support.documentation_scenario import Scenario, Script
from tests.support.documentation_situations import (
    damaged_source,
    run_that_failed,
    run_that_is_complete,
    run_with_quarantine,
)


@pytest.fixture
def scenario(target_url: str) -> Iterator[Scenario]:
    with tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as folder:
        opened = Scenario(Path(folder), target_url, MIGRATION_TARGET_URL=target_url)
        try:
            yield opened
        finally:
            opened.close()


SCRIPTS = {
    "docs/operations.md": Script(
        before={
            "migration-cli resume RUN": run_that_failed,
            "migration-cli cancel RUN": run_that_failed,
            "migration-cli rollback RUN": run_that_is_complete,
            "migration-cli quarantine list RUN --table book --limit 20": run_with_quarantine,
            "migration-cli dry-run --source app.db --salvage": damaged_source,
        },
        statuses={
            "migration-cli dry-run --source app.db --salvage": 1,
            "migration-cli migrate --source app.db --salvage": 1,
        },
    ),
}


@pytest.mark.parametrize(
    "page",
    [
        page
        for page in PAGES
        if page not in CLUSTER_PAGES and any(block.kind in EXECUTED for block in blocks_of(page))
    ],
    ids=page_name,
)
def test_blocks_do_what_the_page_says(page: Path, scenario: Scenario) -> None:
    if page == ROOT / "CONTRIBUTING.md":
        # Tests that start tests: these show that the arguments name some, and leave them to the run they are part of.
        scenario.environment["PYTEST_ADDOPTS"] = "--collect-only -q"
    scenario.play(page, SCRIPTS.get(page_name(page), Script()))
