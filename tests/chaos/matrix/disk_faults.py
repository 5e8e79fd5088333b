"""Disks that fill up: the one of PostgreSQL with its log, and the one that snapshots are made on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.matrix.fault import Fault, Inflict, Kind
from tests.chaos.matrix.scene import Scene

FULL_SECONDS = (2.0, 5.0)


def filled(place: str) -> Inflict:
    """Leave no room on a disk of the cluster; one that nobody may mount here is no disk of its own."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        disk = scene.cluster.disks.get(place)
        if disk is None:
            pytest.skip("a full disk needs a file system of its own, which only root may mount")
        disk.fill()
        try:
            yield
        finally:
            disk.make_room()

    return inflict


DISK_FAULTS: tuple[Fault, ...] = (
    # The server ends itself where its log has no room, and takes back what had not reached the disk.
    Fault("disk of PostgreSQL full", Kind.DISK, filled("postgres"), FULL_SECONDS, crashes_server=True),
    Fault("disk of the snapshots full", Kind.DISK, filled("snapshots"), FULL_SECONDS),
)
