"""Snapshots on disk, by what the runs of real ledgers need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migration.ledger.runs import request_cancel
from migration.model import Mode, Phase
from producer.pruning import prune_snapshots
from tests.support.direct import Direct, quiet_steps

Build = Callable[[str], Path]
SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');"


@pytest.fixture
def driver(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path)
    yield driver
    driver.close()


def _prune(driver: Direct, hours: float = 0) -> int:
    return prune_snapshots(driver.ledger, driver.folder / "snapshots", hours)


def _there(driver: Direct) -> int:
    return len(list((driver.folder / "snapshots").glob("*.sqlite")))


def test_snapshot_of_a_finished_run_goes_after_the_retention(driver: Direct, build: Build) -> None:
    assert driver.migrate(build(SCRIPT), target_schema="a").phase is Phase.COMPLETED
    assert (_prune(driver, hours=1), _there(driver)) == (0, 1)
    assert (_prune(driver), _there(driver)) == (1, 0)
    assert [path.name for path in (driver.folder / "snapshots").iterdir()] == [".lock"]
    assert _prune(driver) == 0


def test_equal_snapshot_stays_for_the_run_that_is_under_way(driver: Direct, build: Build) -> None:
    path = build(SCRIPT)
    assert driver.migrate(path, target_schema="a", mode=Mode.DRY_RUN).phase is Phase.COMPLETED
    second = driver.start(path, until=Phase.COPYING, target_schema="b")
    assert (_prune(driver), _there(driver)) == (0, 1)
    assert driver.finish(second.id).phase is Phase.COMPLETED
    assert (_prune(driver), _there(driver)) == (1, 0)


def test_failed_run_keeps_its_snapshot_until_it_is_given_up(driver: Direct, build: Build) -> None:
    run = driver.start(build(SCRIPT), until=Phase.COPYING, target_schema="a")
    driver.query(f'DROP TABLE "{run.staging_schema}".t')
    with quiet_steps():
        assert driver.finish(run.id).phase is Phase.FAILED
    assert (_prune(driver), _there(driver)) == (0, 1)
    request_cancel(driver.ledger, run.id)
    assert (_prune(driver), _there(driver)) == (1, 0)


def test_quarantine_keeps_the_snapshot_for_a_retry(driver: Direct, build: Build) -> None:
    path = build(SCRIPT + "INSERT INTO t VALUES (2, CAST(x'ff' AS TEXT));")
    run = driver.migrate(path, target_schema="a")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert (_prune(driver), _there(driver)) == (0, 1)
    driver.query(f"DELETE FROM convoy.quarantine WHERE run_id = '{run.id}'")
    assert (_prune(driver), _there(driver)) == (1, 0)


def test_ledgers_that_share_the_folder_leave_each_others_snapshots_alone(
    driver: Direct, build: Build, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shelf TEMPLATE template0")
    other = Direct(postgres_url.replace("/postgres?", "/shelf?", 1), driver.folder)
    try:
        path = build(SCRIPT)
        theirs = other.start(path, until=Phase.COPYING, target_schema="a")
        assert driver.migrate(path, target_schema="a").phase is Phase.COMPLETED
        assert (_prune(driver), _there(driver)) == (0, 1)
        assert other.finish(theirs.id).phase is Phase.COMPLETED
        assert (_prune(driver), _there(driver)) == (0, 1)  # only the other ledger knows that it is done
        assert (_prune(other), _there(driver)) == (1, 0)
    finally:
        other.close()
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE shelf WITH (FORCE)")
