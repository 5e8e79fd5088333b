"""A disk without room, by whose it is: each is waited for."""

from __future__ import annotations

from migration.errors import RetryableError


class DiskFullError(RetryableError):
    """The disk of the PostgreSQL server has no room: waited for, and no attempt counts."""

    code = "disk-full"


class SnapshotDiskFullError(DiskFullError):
    """The disk of the folder for snapshots has no room: waited for."""

    code = "snapshot-disk-full"


class TemporaryDiskFullError(DiskFullError):
    """A disk that a worker keeps temporary files on has no room: waited for, and no attempt counts."""

    code = "temporary-disk-full"
