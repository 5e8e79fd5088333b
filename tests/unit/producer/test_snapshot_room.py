from __future__ import annotations

import errno
from pathlib import Path

import pytest

from migration.errors import SnapshotError
from migration.full_disk_errors import SnapshotDiskFullError
from migration.model import Source
from producer.transitions.snapshot_room import SnapshotRoom
from tests.support.full_disk import small_disk

MEGABYTE = 1 << 20


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def fail(copies: list[int], error: OSError) -> None:
    copies.append(1)
    raise error


def source_of(folder: Path, size_bytes: int) -> Source:
    path = folder / "source.db"
    path.write_bytes(bytes(size_bytes))
    return Source("source", str(path))


def test_source_that_did_not_fit_is_not_copied_again_before_there_is_room(tmp_path: Path) -> None:
    room, source, copies = SnapshotRoom(), source_of(tmp_path, 3 * MEGABYTE), []
    with small_disk(8) as disk:
        disk.fill(leave_bytes=MEGABYTE)
        with pytest.raises(SnapshotDiskFullError, match=r"3\.1 MB"), room.wanted("run", source, disk.path):
            fail(copies, full())
        with pytest.raises(SnapshotDiskFullError), room.wanted("run", source, disk.path):
            copies.append(2)
        disk.make_room()
        with room.wanted("run", source, disk.path):
            copies.append(3)
    assert copies == [1, 3]


def test_source_larger_than_the_disk_is_not_waited_for(tmp_path: Path) -> None:
    room, source = SnapshotRoom(), source_of(tmp_path, 9 * MEGABYTE)
    with (
        small_disk(8) as disk,
        pytest.raises(SnapshotError, match="MIGRATION_SNAPSHOT_DIR"),
        room.wanted("run", source, disk.path),
    ):
        raise full()


def test_quota_is_tried_again_after_a_pause(tmp_path: Path) -> None:
    room, source, copies = SnapshotRoom(), source_of(tmp_path, 10), []
    for _ in range(2):  # there are bytes free, but not for this user
        with pytest.raises(SnapshotDiskFullError), room.wanted("run", source, tmp_path):
            fail(copies, OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert copies == [1]


def test_other_errors_pass(tmp_path: Path) -> None:
    room, source = SnapshotRoom(), source_of(tmp_path, 10)
    with pytest.raises(ValueError, match="other"), room.wanted("run", source, tmp_path):
        raise ValueError("other")
