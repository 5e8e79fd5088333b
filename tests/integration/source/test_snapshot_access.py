"""Snapshots come to a host from each kind of stage: once, whole, resumed where it broke off; and make room again."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from migration.errors import SnapshotFetchError, SnapshotLostError, StageUnreachableError
from migration.full_disk_errors import SnapshotDiskFullError
from migration.source.snapshots import snapshot_cache
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.source.snapshots.snapshot_stage import open_stage
from tests.support.api import TOKEN
from tests.support.stage_scene import KINDS, Scene, Scenes
from tests.support.stages import BUCKET, Frozen, freeze


def fetched(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.message.startswith("Fetched the snapshot") for record in caplog.records)


@pytest.mark.parametrize("kind", KINDS)
def test_snapshot_is_fetched_once_and_then_here(
    scene_of: Scenes, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene = scene_of(kind)
    frozen = scene.put(20 << 20)
    with SnapshotAccess(scene.settings) as first, SnapshotAccess(scene.settings) as second:
        path = first.path(frozen)
        assert path == scene.where(frozen) == second.path(frozen)
        assert path.read_bytes() == (scene.origin / path.name).read_bytes()
    assert fetched(caplog) == 1
    assert not scene.where(frozen, "part").exists()


def test_what_comes_from_a_stage_and_what_lies_in_its_folder_is_for_the_owner_alone(
    scene_of: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of("folder")
    while_it_comes = []
    whole = snapshot_cache._hash

    def looked_at(path: Path) -> str:
        while_it_comes.append(path.stat().st_mode & 0o777)
        return whole(path)

    monkeypatch.setattr(snapshot_cache, "_hash", looked_at)
    frozen = scene.put()
    with SnapshotAccess(scene.settings) as snapshots:
        assert snapshots.path(frozen).stat().st_mode & 0o777 == 0o400
    staged = scene.settings.snapshot_dir.parent / "stage" / f"{frozen.sha256}.sqlite"
    assert staged.stat().st_mode & 0o777 == 0o400
    assert while_it_comes == [0o600]


def test_a_snapshot_that_this_user_may_not_read_is_said_to_be_so(
    scene_of: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of("folder")
    settings = scene.settings.model_copy(update={"stage_url": None})
    frozen = freeze(scene.origin, 1_000, elsewhere=False)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with (
        SnapshotAccess(settings) as snapshots,
        pytest.raises(SnapshotLostError, match="may not read it"),
    ):
        snapshots.path(frozen)


def test_snapshot_that_is_seen_from_here_is_read_where_it_is(scene_of: Scenes) -> None:
    scene = scene_of("folder")
    frozen = scene.put(elsewhere=False)
    with SnapshotAccess(scene.settings) as snapshots:
        assert snapshots.path(frozen) == Path(frozen.snapshot)
    assert not scene.settings.snapshot_dir.exists()


def test_folders_of_two_hosts_may_have_the_same_name(
    scene_of: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene = scene_of("http")
    frozen = scene.put()
    same_name = replace(frozen, snapshot=str(scene.where(frozen)))
    with SnapshotAccess(scene.settings) as snapshots:
        assert snapshots.path(same_name) == scene.where(frozen)
        scene.where(frozen).chmod(0o600)
        scene.where(frozen).write_bytes(b"not what came")
    with SnapshotAccess(scene.settings) as snapshots:  # it is a copy, so it is checked
        assert (
            snapshots.path(same_name).read_bytes() == (scene.origin / scene.where(frozen).name).read_bytes()
        )
    assert fetched(caplog) == 2


@pytest.mark.parametrize("kind", ["s3", "http"])
@pytest.mark.parametrize("how", ["refuse", "swallow"])
def test_fetch_that_was_cut_goes_on_where_it_stopped(scene_of: Scenes, kind: str, how: str) -> None:
    scene = scene_of(kind)
    frozen = scene.put(40 << 20)
    proxy = scene.proxy
    assert proxy is not None
    before = proxy.answered
    proxy.cut_after(30 << 20, how)
    with SnapshotAccess(scene.settings) as snapshots:
        with pytest.raises(StageUnreachableError, match="The stage cannot be used"):
            snapshots.path(frozen)
        come = scene.where(frozen, "part").stat().st_size
        assert 20 << 20 <= come < 40 << 20
        proxy.set("forward")
        assert snapshots.path(frozen).read_bytes() == (scene.origin / scene.where(frozen).name).read_bytes()
    assert proxy.answered - before < (30 << 20) + (40 << 20) - come + (1 << 20)  # nothing of it came twice


def test_after_a_failure_the_whole_host_rests(scene_of: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of("http")
    frozen = scene.put()
    proxy = scene.proxy
    assert proxy is not None
    proxy.set("refuse")
    with SnapshotAccess(scene.settings) as first, SnapshotAccess(scene.settings) as second:
        with pytest.raises(StageUnreachableError, match="cannot be used"):
            first.path(frozen)
        proxy.set("forward")
        monkeypatch.setattr(snapshot_cache, "_REST_SECONDS", 60.0)
        with pytest.raises(StageUnreachableError, match=r"cannot be used from host .*just now") as caught:
            second.path(frozen)
        # All of it: host, reason and remedy, for this is what a run's `status` mostly shows.
        assert socket.gethostname() in caught.value.what
        # A connection that is taken and closed at once is reset or ended, as it falls out.
        assert any(word in caught.value.what for word in ("Connection refused", "reset", "was closed"))
        assert "MIGRATION_STAGE_URL" in caught.value.remedy
        assert proxy.answered == 0
        monkeypatch.setattr(snapshot_cache, "_REST_SECONDS", 0.0)
        assert second.path(frozen) == scene.where(frozen)


def test_short_cut_is_not_noticed(scene_of: Scenes) -> None:
    scene = scene_of("http")
    frozen = scene.put(8 << 20)
    proxy = scene.proxy
    assert proxy is not None
    proxy.cut_after(5 << 20, "refuse")
    with ThreadPoolExecutor(1) as beside, SnapshotAccess(scene.settings) as snapshots:
        coming = beside.submit(snapshots.path, frozen)
        while proxy.mode == "forward":
            time.sleep(0.001)
        proxy.set("forward")
        assert coming.result().stat().st_size == 8 << 20


@pytest.mark.parametrize("kind", KINDS)
def test_other_bytes_get_no_name(scene_of: Scenes, kind: str, tmp_path: Path) -> None:
    scene = scene_of(kind)
    frozen = freeze(scene.origin)
    other = tmp_path / "other"
    other.write_bytes(b"x" * frozen.bytes)
    if kind == "http":
        other.replace(scene.origin / f"{frozen.sha256}.sqlite")
    else:
        stage = open_stage(scene.settings)
        assert stage is not None
        stage.publish(other, frozen.sha256, "018f6f1e-0000-7000-8000-000000000001")
    with SnapshotAccess(scene.settings) as snapshots:
        with pytest.raises(SnapshotFetchError, match="not the snapshot that was frozen"):
            snapshots.path(frozen)
        left = {path.suffix for path in scene.settings.snapshot_dir.glob(f"{frozen.sha256}*")}
        assert left == {".use", ".fetch"}
        shorter = replace(frozen, bytes=frozen.bytes + 1)
        with pytest.raises(SnapshotFetchError, match=r"has 300,000 bytes of a snapshot that has 300,001"):
            snapshots.path(shorter)


@pytest.mark.parametrize("kind", KINDS)
def test_snapshot_that_is_nowhere_is_lost_and_the_sentence_names_the_stage(
    scene_of: Scenes, kind: str
) -> None:
    scene = scene_of(kind)
    scene.put()
    missing = Frozen("/another-host/x.sqlite", "0" * 64, 10)
    with SnapshotAccess(scene.settings) as snapshots:
        with pytest.raises(SnapshotLostError) as caught:
            snapshots.path(missing)
        with pytest.raises(SnapshotLostError):
            snapshots.confirm(missing)
    named = {
        "folder": str(scene.settings.snapshot_dir.parent / "stage"),
        "s3": f"s3://{BUCKET}",
        "http": "http://127",
    }
    assert f"The stage does not have it: {named[kind]}" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_what_the_stage_has_need_not_come_to_be_confirmed(scene_of: Scenes) -> None:
    scene = scene_of("http")
    frozen = scene.put()
    with SnapshotAccess(scene.settings) as snapshots:
        snapshots.confirm(frozen)
    assert not scene.settings.snapshot_dir.exists()


def test_wrong_token_is_said_by_every_process_of_the_host(
    scene_of: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of("http", api_token="hidden-word")
    frozen = scene.put()
    monkeypatch.setattr(snapshot_cache, "_REST_SECONDS", 60.0)
    for _ in range(3):
        with SnapshotAccess(scene.settings) as snapshots, pytest.raises(StageUnreachableError) as caught:
            snapshots.path(frozen)
        assert "does not take the token in MIGRATION_API_TOKEN, and answers 401" in caught.value.what
        assert socket.gethostname() in caught.value.what
        assert "migration-cli token create" in caught.value.remedy
        assert "hidden-word" not in str(caught.value)


READER = """
import sys, logging
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
from types import SimpleNamespace
from migration.settings import Settings
from migration.source.snapshots.snapshot_access import SnapshotAccess
access = SnapshotAccess(Settings())
sys.stdin.readline()
path = access.path(SimpleNamespace(snapshot="/another-host/x", sha256=sys.argv[1], bytes=int(sys.argv[2])))
print("has", path, flush=True)
sys.stdin.readline()
"""


def reader(scene: Scene, frozen: Frozen, folder: Path) -> subprocess.Popen[str]:
    settings = scene.settings
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    return subprocess.Popen(
        [sys.executable, "-c", READER, frozen.sha256, str(frozen.bytes)],
        env={
            "PATH": "/usr/bin:/bin",
            "MIGRATION_STAGE_URL": str(settings.stage_url),
            "MIGRATION_API_TOKEN": token,
            "MIGRATION_SNAPSHOT_DIR": str(settings.snapshot_dir),
        },
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_processes_of_a_host_share_one_download_and_a_killed_one_is_no_loss(
    scene_of: Scenes, tmp_path: Path
) -> None:
    scene = scene_of("http")
    frozen = scene.put(30 << 20)
    proxy = scene.proxy
    assert proxy is not None
    processes = [reader(scene, frozen, tmp_path) for _ in range(3)]
    try:
        proxy.cut_after(10 << 20, "swallow")  # the first one hangs there, and dies
        tell(processes[0])
        while proxy.mode == "forward":
            time.sleep(0.01)
        for process in processes[1:]:
            tell(process)
        time.sleep(0.5)
        proxy.set("forward")
        processes[0].kill()
        told = []
        for process in processes[1:]:
            assert process.stdout is not None
            while not (line := process.stdout.readline()).startswith("has "):
                assert line, "it ended without the snapshot"
                told.append(line)
        assert sum(line.startswith("Fetched the snapshot") for line in told) == 1
        assert scene.where(frozen).read_bytes() == (scene.origin / scene.where(frozen).name).read_bytes()
        assert proxy.answered < 42 << 20
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_who_has_to_look_at_a_copy_waits_for_no_reader(scene_of: Scenes) -> None:
    scene = scene_of("http")
    frozen = scene.put()
    with SnapshotAccess(scene.settings) as reading:  # for as long as a run lasts
        path = reading.path(frozen)
        os.utime(path, (1, 1))  # so that its hash has to be checked again
        with ThreadPoolExecutor(1) as beside, SnapshotAccess(scene.settings) as another:
            assert beside.submit(another.path, frozen).result(timeout=20) == path


def test_copies_that_nobody_reads_make_room_and_the_oldest_goes_first(scene_of: Scenes) -> None:
    scene = scene_of("folder", stage_cache_bytes=700_000)
    first, second, third, fourth = (scene.put(300_000) for _ in range(4))
    reading = SnapshotAccess(scene.settings)
    reading.path(first)
    with SnapshotAccess(scene.settings) as snapshots:
        snapshots.path(second)
    with SnapshotAccess(scene.settings) as snapshots:
        snapshots.path(third)
    assert scene.where(first).exists()  # older, but being read
    assert not scene.where(second).exists()
    assert scene.where(third).exists()
    reading.release()
    with SnapshotAccess(scene.settings) as snapshots:
        snapshots.path(third)
        snapshots.path(fourth)
    assert not scene.where(first).exists()
    left = {path.name.partition(".")[0] for path in scene.settings.snapshot_dir.glob("*.*")} - {""}
    assert left == {third.sha256, fourth.sha256}


def test_what_was_frozen_here_or_has_a_note_is_never_evicted(scene_of: Scenes) -> None:
    scene = scene_of("folder", stage_cache_bytes=0)
    own = freeze(scene.settings.snapshot_dir, elsewhere=False)
    noted = scene.put()
    with SnapshotAccess(scene.settings) as snapshots:
        snapshots.path(noted)
    scene.where(noted, "needed-by-018f6f1e-0000-7000-8000-000000000002").touch()
    with SnapshotAccess(scene.settings) as snapshots:
        snapshots.path(scene.put())
    assert scene.where(own).exists()
    assert scene.where(noted).exists()


def test_no_room_is_one_sentence(scene_of: Scenes) -> None:
    scene = scene_of("folder")
    frozen = replace(scene.put(), bytes=1 << 60)
    with SnapshotAccess(scene.settings) as snapshots, pytest.raises(SnapshotDiskFullError, match="are free"):
        snapshots.path(frozen)
