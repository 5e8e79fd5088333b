"""A small file system of its own, which a test fills up and makes room on: a tmpfs, which only root may mount."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

_BLOCK = bytes(1 << 20)


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system of a few megabytes."""

    path: Path

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave_bytes: int = 0) -> None:
        """Leave no room but for so much; what is written afterwards takes what is left."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            try:
                while (room := self.free_bytes - leave_bytes) > 0:
                    ballast.write(_BLOCK[: min(len(_BLOCK), room)])
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> None:
        """Remove what `fill` has written."""
        with suppress(FileNotFoundError):
            (self.path / "ballast").unlink()


@contextmanager
def small_disk(size_megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small file system for the time of the block; skips the test where nobody may, never in CI as root."""
    with tempfile.TemporaryDirectory(prefix="convoy-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_megabytes}m,mode=0755", "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(
                f"a full disk needs a file system of its own, and mount says: {mounted.stderr.strip()}"
            )
        try:
            yield SmallDisk(Path(folder))
        finally:
            # Whatever still has a file open there keeps it alive, out of sight.
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def tablespace_on(server_url: str, disk: SmallDisk, name: str) -> Iterator[str]:
    """Make a tablespace on a small disk, and drop it when its databases are gone; yields its name.

    The server runs on this machine, as tests start theirs.
    """
    with psycopg.connect(server_url, autocommit=True) as connection:
        (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        owner = Path(data).stat()
        place = disk.path / name
        place.mkdir()
        os.chown(place, owner.st_uid, owner.st_gid)
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'".encode())
    try:
        yield name
    finally:
        disk.make_room()
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP TABLESPACE {name}".encode())
