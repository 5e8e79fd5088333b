"""What a machine that goes down may leave of a snapshot is noticed before anything is built on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration.errors import SourceUnreadableError
from migration.ledger.events import read_events
from migration.model import Phase
from migration.source.snapshot import confirm
from producer.flushing import Flushing
from producer.workspace import Workspace
from tests.support.direct import Direct

Build = Callable[[str], Path]
SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'before');"


@pytest.fixture
def driver(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path)
    yield driver
    driver.close()


def _tear(driver: Direct) -> None:
    """Leave a file as a crash of the machine may: of the right length, with other bytes in it."""
    (snapshot,) = (driver.folder / "snapshots").glob("*.sqlite")
    snapshot.chmod(0o644)
    torn = snapshot.read_bytes().replace(b"before", b"after!")
    assert torn != snapshot.read_bytes()
    snapshot.write_bytes(torn)


def _in_another_process(driver: Direct) -> None:
    """Forget what only the process knows that froze the source."""
    driver.workspace = Workspace(driver.workspace.engine, driver.url, driver.workspace.settings)


def test_run_that_another_process_goes_on_with_does_not_read_a_torn_snapshot(
    driver: Direct, build: Build
) -> None:
    run = driver.start(build(SCRIPT), until=Phase.PROFILING, target_schema="torn")
    _tear(driver)
    _in_another_process(driver)
    run = driver.finish(run.id)
    assert run.phase is Phase.FAILED
    assert "is not what was frozen" in (run.error or "")
    (failed,) = [event for event in read_events(driver.ledger, run.id) if event.kind == "failed"]
    assert failed.data["exit_status"] == 2
    assert not driver.query(f"SELECT 1 FROM pg_namespace WHERE nspname = '{run.staging_schema}'")


def test_run_that_another_process_goes_on_with_ends_well(driver: Direct, build: Build) -> None:
    run = driver.start(build(SCRIPT), until=Phase.PROFILING, target_schema="sound")
    _in_another_process(driver)
    assert driver.finish(run.id).phase is Phase.COMPLETED
    assert driver.query("SELECT v FROM sound.t") == [("before",)]


def test_new_run_replaces_a_torn_snapshot_of_the_same_source(driver: Direct, build: Build) -> None:
    path = build(SCRIPT)
    driver.start(path, until=Phase.PROFILING, target_schema="first")
    _tear(driver)
    assert driver.migrate(path, target_schema="second").phase is Phase.COMPLETED
    assert driver.query("SELECT v FROM second.t") == [("before",)]


def test_snapshot_that_the_disk_does_not_take_is_an_error_with_its_path(tmp_path: Path) -> None:
    flushing = Flushing()
    gone = tmp_path / "gone.sqlite"
    flushing.start("run", gone)
    with pytest.raises(SourceUnreadableError, match="cannot be written to the disk") as caught:
        flushing.wait("run", [])
    assert str(gone) in str(caught.value)
    with pytest.raises(SourceUnreadableError, match="cannot be written to the disk"):
        confirm(gone, "0" * 64)
