"""The producer's side of the stage: published before anybody is sent there, removed when no run needs it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from migration.errors import SettingError, StageUnreachableError
from migration.ledger.run_requests import request_cancel
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Mode, Phase
from migration.settings import Settings
from migration.source.snapshots import stage_store
from migration.source.snapshots.snapshot_stage import SnapshotStage, open_stage
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from producer.snapshot_removal import prune_stage
from producer.transitions.phase_transitions import move_on
from producer.transitions.transition_context import TransitionContext
from tests.support.api import TOKEN
from tests.support.direct import Direct, quiet_steps
from tests.support.stages import BUCKET, freeze, serve_s3

Build = Callable[[str], Path]
SCRIPT = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');"
FIRST, SECOND = "018f6f1e-0000-7000-8000-000000000001", "018f6f1e-0000-7000-8000-000000000002"


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "stage")
        return
    with serve_s3(monkeypatch):
        yield f"s3://{BUCKET}/{tmp_path.name}"


def opened(url: str, folder: Path, **more: object) -> SnapshotStage:
    settings = Settings(_env_file=None, stage_url=url, snapshot_dir=folder / "snapshots", **more)  # type: ignore[arg-type]
    stage = open_stage(settings)
    assert stage is not None
    return stage


@pytest.fixture
def stage(url: str, tmp_path: Path) -> SnapshotStage:
    return opened(url, tmp_path)


@pytest.fixture
def staged(url: str, target_url: str, tmp_path: Path) -> Iterator[Direct]:
    """A producer and a worker on two hosts, as far as snapshots go."""
    direct = Direct(target_url, tmp_path / "direct")
    here = direct.context.settings.model_copy(update={"stage_url": url})
    there = here.model_copy(update={"snapshot_dir": tmp_path / "worker"})
    direct.workspace = TransitionContext(direct.ledger, target_url, here)
    direct.context.settings = there
    direct.context._snapshots._settings = there
    yield direct
    direct.close()


def move_away(direct: Direct) -> None:
    """Leave nothing at the producer's path, as on another host."""
    folder = direct.folder / "snapshots"
    shutil.move(folder, folder.with_name("of-another-host"))


def test_published_once_with_a_note_for_each_run(stage: SnapshotStage, tmp_path: Path) -> None:
    frozen = freeze(tmp_path, 20 << 20)
    copy = tmp_path / f"{frozen.sha256}.sqlite"
    stage.publish(copy, frozen.sha256, FIRST)
    assert stage.size("0" * 64) is None
    copy.write_bytes(b"it is not read again" + copy.read_bytes()[20:])
    stage.publish(copy, frozen.sha256, SECOND)
    assert stage.size(frozen.sha256) == frozen.bytes
    assert b"".join(stage.read(frozen.sha256, 0, frozen.bytes))[:20] != b"it is not read again"
    assert dict(stage.list_snapshots()) == {frozen.sha256: {FIRST, SECOND}}
    stage.forget(frozen.sha256, [FIRST])
    assert not stage.remove(frozen.sha256)
    stage.forget(frozen.sha256, [SECOND])
    assert stage.remove(frozen.sha256)
    assert dict(stage.list_snapshots()) == {}
    assert stage.size(frozen.sha256) is None


def test_half_an_upload_is_replaced(stage: SnapshotStage, tmp_path: Path) -> None:
    frozen = freeze(tmp_path)
    half = tmp_path / "half"
    half.write_bytes(b"half")
    stage.publish(half, frozen.sha256, FIRST)
    stage.publish(tmp_path / f"{frozen.sha256}.sqlite", frozen.sha256, FIRST)
    assert stage.size(frozen.sha256) == frozen.bytes


def test_who_publishes_waits_for_a_removal_and_uploads_again(stage: SnapshotStage, tmp_path: Path) -> None:
    assert isinstance(stage, stage_store.StoreStage)
    frozen = freeze(tmp_path)
    copy = tmp_path / f"{frozen.sha256}.sqlite"
    stage.publish(copy, frozen.sha256, FIRST)
    stage.forget(frozen.sha256, [FIRST])
    # The one who removes has looked for notes, found none, and is about to remove.
    stage._files.pipe_file(stage._removal(frozen.sha256), b"")
    publishing = threading.Thread(target=stage.publish, args=(copy, frozen.sha256, SECOND))
    publishing.start()
    while (
        FIRST in stage.list_snapshots()[frozen.sha256] or SECOND not in stage.list_snapshots()[frozen.sha256]
    ):
        time.sleep(0.01)
    time.sleep(0.3)
    stage._files.rm_file(stage._snapshot(frozen.sha256))
    stage._files.rm_file(stage._removal(frozen.sha256))
    publishing.join()
    assert stage.size(frozen.sha256) == frozen.bytes


def test_removal_that_was_killed_holds_nobody_up(
    stage: SnapshotStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(stage, stage_store.StoreStage)
    monkeypatch.setattr(stage_store, "_REMOVAL_SECONDS", 0.3)
    frozen = freeze(tmp_path)
    copy = tmp_path / f"{frozen.sha256}.sqlite"
    stage.publish(copy, frozen.sha256, FIRST)
    stage._files.pipe_file(stage._removal(frozen.sha256), b"")
    stage.publish(copy, frozen.sha256, SECOND)
    assert stage.size(frozen.sha256) == frozen.bytes
    assert not stage._is_there(stage._removal(frozen.sha256))


def test_run_on_two_hosts_is_proved_and_leaves_nothing(staged: Direct, build: Build) -> None:
    run = staged.start(build(SCRIPT), until=Phase.PROFILING, target_schema="apart")
    move_away(staged)
    assert staged.finish(run.id, until=Phase.CUTTING_OVER).phase is Phase.CUTTING_OVER
    settings = staged.workspace.settings
    assert prune_stage(staged.ledger, settings.model_copy(update={"snapshot_retention_hours": 0})) == 0
    assert staged.finish(run.id).phase is Phase.COMPLETED
    assert staged.query("SELECT * FROM apart.t") == [(1, "a")]
    assert prune_stage(staged.ledger, settings) == 0  # within the retention
    assert prune_stage(staged.ledger, settings.model_copy(update={"snapshot_retention_hours": 0})) == 1
    stage = open_stage(settings)
    assert stage is not None
    assert dict(stage.list_snapshots()) == {}


def test_validation_takes_the_same_way(staged: Direct, build: Build) -> None:
    path = build(SCRIPT)
    staged.migrate(path, target_schema="seen")
    run = staged.start(path, until=Phase.VALIDATING, target_schema="seen", mode=Mode.VALIDATE)
    move_away(staged)
    assert staged.finish(run.id).phase is Phase.COMPLETED


def test_difference_is_named_from_another_host(staged: Direct, build: Build) -> None:
    run = staged.start(build(SCRIPT), until=Phase.VALIDATING, target_schema="named")
    move_away(staged)
    staged.forge(run, "t", "UPDATE {t} SET v = 'b'")
    assert staged.finish(run.id).phase is Phase.FAILED
    found = staged.query(
        f"SELECT kind, key FROM convoy.findings WHERE run_id = '{run.id}' AND key IS NOT NULL"
    )
    assert [kind for kind, _ in found] == ["differing_row"]


def test_quarantine_is_retried_from_another_host(staged: Direct, build: Build, tmp_path: Path) -> None:
    run = staged.migrate(
        build(SCRIPT + "INSERT INTO t VALUES (2, CAST(x'ff' AS TEXT));"), target_schema="kept"
    )
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    move_away(staged)
    mine = staged.workspace.settings.model_copy(update={"snapshot_dir": tmp_path / "mine"})
    rules = parse_mapping(
        "[tables.t.columns.v]\nexpression = \"CASE hex(v) WHEN 'FF' THEN 'b' ELSE v END\"", "m"
    )
    assert retry_quarantine(staged.ledger, run.id, rules, settings=mine).remaining == 0
    assert staged.query("SELECT v FROM kept.t ORDER BY id") == [("a",), ("b",)]


def test_unsound_source_leaves_nothing_on_the_stage(staged: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, printf('%09000d', 1));"
    )
    data = bytearray(path.read_bytes())
    data[4096:4100] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    run = staged.migrate(path, target_schema="unsound")
    assert run.phase is Phase.FAILED
    stage = open_stage(staged.workspace.settings)
    assert stage is not None
    assert dict(stage.list_snapshots()) == {}


def test_snapshot_gone_from_everywhere_fails_the_run_with_the_stage_in_the_sentence(
    staged: Direct, build: Build, url: str
) -> None:
    run = staged.start(build(SCRIPT), until=Phase.COPYING, target_schema="gone")
    move_away(staged)
    stage = open_stage(staged.workspace.settings)
    assert stage is not None
    for sha256, runs in stage.list_snapshots().items():
        stage.forget(sha256, runs)
        assert stage.remove(sha256)
    with quiet_steps():
        ended = staged.finish(run.id)
    assert ended.phase is Phase.FAILED
    assert f"The stage does not have it: {url}" in str(ended.error)
    request_cancel(staged.ledger, run.id)


def test_stage_that_does_not_take_it_is_waited_for(
    staged: Direct, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_store, "_PAUSES_SECONDS", (0.01,))
    here = staged.workspace.settings.model_copy(update={"stage_url": "/proc/no-folder-can-be-made"})
    staged.workspace = TransitionContext(staged.ledger, staged.url, here)
    run = staged.start(build(SCRIPT), until=Phase.SNAPSHOTTING)
    with pytest.raises(StageUnreachableError, match="Check MIGRATION_STAGE_URL"):
        move_on(staged.workspace, run)


def test_settings_that_make_no_sense_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="MIGRATION_API_TOKEN"):
        opened("http://127.0.0.1:1", tmp_path)
    with pytest.raises(ValidationError, match="There is no way to read nonsense://"):
        opened("nonsense://x", tmp_path)
    opened("http://127.0.0.1:1", tmp_path, api_token=TOKEN)


def test_the_folder_of_snapshots_is_no_stage(tmp_path: Path) -> None:
    assert open_stage(Settings(_env_file=None, stage_url=tmp_path.as_uri(), snapshot_dir=tmp_path)) is None
    assert open_stage(Settings(_env_file=None)) is None
