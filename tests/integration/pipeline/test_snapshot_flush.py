"""What a machine that goes down may leave of a snapshot is noticed before anything is built on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migration.errors import SourceUnreadableError
from migration.ledger.event_log import read_events
from migration.model import Phase
from migration.settings import Settings
from migration.source.snapshots.snapshot_creation import confirm
from producer.transitions.snapshot_flush import SnapshotFlushes
from producer.transitions.transition_context import TransitionContext
from tests.support.direct import Direct

Build = Callable[[str], Path]
SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'before');"


def _tear(direct: Direct) -> None:
    """Leave a file as a crash of the machine may: of the right length, with other bytes in it."""
    (snapshot,) = (direct.folder / "snapshots").glob("*.sqlite")
    snapshot.chmod(0o644)
    torn = snapshot.read_bytes().replace(b"before", b"after!")
    assert torn != snapshot.read_bytes()
    snapshot.write_bytes(torn)


def _in_another_process(direct: Direct) -> None:
    """Forget what only the process knows that froze the source."""
    direct.workspace = TransitionContext(direct.workspace.engine, direct.url, direct.workspace.settings)


def test_run_that_another_process_goes_on_with_does_not_read_a_torn_snapshot(
    direct: Direct, build: Build
) -> None:
    run = direct.start(build(SCRIPT), until=Phase.PROFILING, target_schema="torn")
    _tear(direct)
    _in_another_process(direct)
    run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert "is not what was frozen" in (run.error or "")
    (failed,) = [event for event in read_events(direct.ledger, run.id) if event.kind == "failed"]
    assert failed.data["exit_status"] == 2
    assert not direct.query(f"SELECT 1 FROM pg_namespace WHERE nspname = '{run.staging_schema}'")


def test_run_that_another_process_goes_on_with_ends_well(direct: Direct, build: Build) -> None:
    run = direct.start(build(SCRIPT), until=Phase.PROFILING, target_schema="sound")
    _in_another_process(direct)
    assert direct.finish(run.id).phase is Phase.COMPLETED
    assert direct.query("SELECT v FROM sound.t") == [("before",)]


def test_new_run_replaces_a_torn_snapshot_of_the_same_source(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    direct.start(path, until=Phase.PROFILING, target_schema="first")
    _tear(direct)
    assert direct.migrate(path, target_schema="second").phase is Phase.COMPLETED
    assert direct.query("SELECT v FROM second.t") == [("before",)]


def test_snapshot_that_the_disk_does_not_take_is_an_error_with_its_path(tmp_path: Path) -> None:
    flushing = SnapshotFlushes()
    gone = tmp_path / "gone.sqlite"
    flushing.start("run", gone)
    with pytest.raises(SourceUnreadableError, match="cannot be written to the disk") as caught:
        flushing.wait("run", [], Settings(_env_file=None))
    assert str(gone) in str(caught.value)
    with pytest.raises(SourceUnreadableError, match="cannot be written to the disk"):
        confirm(gone, "0" * 64)
