"""A snapshot may be read by nobody who may not read its source."""

from __future__ import annotations

import gzip
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from migration.model import Source
from migration.source.snapshots.snapshot_creation import take_snapshot


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that all may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(dir="/var/tmp" if Path("/var/tmp").is_dir() else None) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def database(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True, mode=0o755)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(a)")
    return path


def mode_of_snapshot(source: Path, shared: Path, *, salvage: bool = False) -> int:
    snapshot = take_snapshot(Source("app", str(source)), shared / "snapshots", salvage=salvage)
    return snapshot.path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("mode", "frozen"),
    [(0o600, 0o400), (0o640, 0o440), (0o644, 0o444), (0o666, 0o444), (0o604, 0o400), (0o400, 0o400)],
)
def test_a_snapshot_may_be_read_by_those_who_may_read_the_source(
    shared: Path, mode: int, frozen: int
) -> None:
    source = database(shared / "app.db")
    source.chmod(mode)
    assert mode_of_snapshot(source, shared) == frozen


@pytest.mark.parametrize(("mode", "frozen"), [(0o700, 0o400), (0o750, 0o440), (0o711, 0o444)])
def test_a_folder_that_is_closed_to_others_closes_the_snapshot(shared: Path, mode: int, frozen: int) -> None:
    source = database(shared / "home" / "app.db")
    source.chmod(0o644)
    source.parent.chmod(mode)
    assert mode_of_snapshot(source, shared) == frozen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other groups")
@pytest.mark.parametrize(("mode", "frozen"), [(0o640, 0o400), (0o644, 0o444)])
def test_the_group_of_the_copy_is_not_taken_for_that_of_the_source(
    shared: Path, mode: int, frozen: int
) -> None:
    source = database(shared / "app.db")
    os.chown(source, -1, os.getegid() + 4_321)
    source.chmod(mode)
    assert mode_of_snapshot(source, shared) == frozen


def test_what_is_unpacked_or_salvaged_is_for_the_owner_alone(shared: Path) -> None:
    source = database(shared / "app.db")
    packed = shared / "app.db.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    packed.chmod(0o644)
    assert mode_of_snapshot(packed, shared) == 0o400
    assert mode_of_snapshot(source, shared, salvage=True) == 0o400


def test_an_equal_snapshot_that_was_public_is_closed_for_a_private_source(shared: Path) -> None:
    source = database(shared / "app.db")
    source.chmod(0o644)
    assert mode_of_snapshot(source, shared) == 0o444
    source.chmod(0o600)
    assert mode_of_snapshot(source, shared) == 0o400
    source.chmod(0o644)
    assert mode_of_snapshot(source, shared) == 0o400
