"""Snapshots on disk, by what the runs of real ledgers need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg

from migration.ledger.run_requests import request_cancel
from migration.model import Mode, Phase
from producer.snapshot_removal import prune_snapshots
from tests.support.direct import Direct, quiet_steps

Build = Callable[[str], Path]
SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');"


def _prune(direct: Direct, hours: float = 0) -> int:
    return prune_snapshots(direct.ledger, direct.folder / "snapshots", hours)


def _there(direct: Direct) -> int:
    return len(list((direct.folder / "snapshots").glob("*.sqlite")))


def test_snapshot_of_a_finished_run_goes_after_the_retention(direct: Direct, build: Build) -> None:
    assert direct.migrate(build(SCRIPT), target_schema="a").phase is Phase.COMPLETED
    assert (_prune(direct, hours=1), _there(direct)) == (0, 1)
    assert (_prune(direct), _there(direct)) == (1, 0)
    assert [path.name for path in (direct.folder / "snapshots").iterdir()] == [".lock"]
    assert _prune(direct) == 0


def test_equal_snapshot_stays_for_the_run_that_is_under_way(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    assert direct.migrate(path, target_schema="a", mode=Mode.DRY_RUN).phase is Phase.COMPLETED
    second = direct.start(path, until=Phase.COPYING, target_schema="b")
    assert (_prune(direct), _there(direct)) == (0, 1)
    assert direct.finish(second.id).phase is Phase.COMPLETED
    assert (_prune(direct), _there(direct)) == (1, 0)


def test_failed_run_keeps_its_snapshot_until_it_is_given_up(direct: Direct, build: Build) -> None:
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="a")
    direct.query(f'DROP TABLE "{run.staging_schema}".t')
    with quiet_steps():
        assert direct.finish(run.id).phase is Phase.FAILED
    assert (_prune(direct), _there(direct)) == (0, 1)
    request_cancel(direct.ledger, run.id)
    assert (_prune(direct), _there(direct)) == (1, 0)


def test_quarantine_keeps_the_snapshot_for_a_retry(direct: Direct, build: Build) -> None:
    path = build(SCRIPT + "INSERT INTO t VALUES (2, CAST(x'ff' AS TEXT));")
    run = direct.migrate(path, target_schema="a")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert (_prune(direct), _there(direct)) == (0, 1)
    direct.query(f"DELETE FROM convoy.quarantine WHERE run_id = '{run.id}'")
    assert (_prune(direct), _there(direct)) == (1, 0)


def test_ledgers_that_share_the_folder_leave_each_others_snapshots_alone(
    direct: Direct, build: Build, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shelf TEMPLATE template0")
    other = Direct(postgres_url.replace("/postgres?", "/shelf?", 1), direct.folder)
    try:
        path = build(SCRIPT)
        theirs = other.start(path, until=Phase.COPYING, target_schema="a")
        assert direct.migrate(path, target_schema="a").phase is Phase.COMPLETED
        assert (_prune(direct), _there(direct)) == (0, 1)
        assert other.finish(theirs.id).phase is Phase.COMPLETED
        assert (_prune(direct), _there(direct)) == (0, 1)  # only the other ledger knows that it is done
        assert (_prune(other), _there(direct)) == (1, 0)
    finally:
        other.close()
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE shelf WITH (FORCE)")
