"""What changes under a run: its snapshot, and the clocks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from migration.model import Phase
from tests.chaos.matrix.fault import Fault, Inflict, Kind
from tests.chaos.matrix.scene import MARKED_ROW, Scene

DAY_SECONDS = 86_400
_NO_SNAPSHOT: Mapping[Phase, str] = MappingProxyType(
    dict.fromkeys((Phase.PENDING, Phase.SNAPSHOTTING), "there is no snapshot yet")
)


@contextmanager
def removed(scene: Scene) -> Iterator[None]:
    """Move the snapshot away until the command has ended, then put it back."""
    snapshot = scene.snapshot()
    away = scene.folder / "away"
    shutil.move(snapshot, away)  # snapshots may have a disk of their own
    try:
        yield
    finally:
        shutil.move(away, snapshot)


def _rewrite(snapshot: Path, old: bytes, new: bytes) -> None:
    data = snapshot.read_bytes()
    assert data.count(old) == 1
    snapshot.chmod(0o600)
    with snapshot.open("r+b") as file:  # the same file, which workers have open
        file.seek(data.index(old))
        file.write(new)
    snapshot.chmod(0o444)


@contextmanager
def changed(scene: Scene) -> Iterator[None]:
    """Change one byte of one row in the snapshot, and back again once the command has ended."""
    snapshot = scene.snapshot()
    wrong = MARKED_ROW.replace(b"marked", b"warked")
    _rewrite(snapshot, MARKED_ROW, wrong)
    try:
        yield
    finally:
        _rewrite(snapshot, wrong, MARKED_ROW)


def clock_set(name: str, seconds: float) -> Inflict:
    """Let the clock of a process jump, and back at the end of the run."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        scene.cluster.set_clock(name, seconds)
        try:
            yield
        finally:
            scene.cluster.set_clock(name, 0)

    return inflict


WORLD_FAULTS: tuple[Fault, ...] = (
    Fault("snapshot removed", Kind.FILE, removed, until_end=True, senseless=_NO_SNAPSHOT),
    Fault(
        "one byte of the snapshot changed",
        Kind.FILE,
        changed,
        until_end=True,
        senseless=_NO_SNAPSHOT,
        reads_anew=True,
    ),
    *(
        Fault(f"clock of {who} {how}", Kind.CLOCK, clock_set(name, seconds), until_end=True)
        for who, name in (("a worker", "worker1"), ("the producer", "producer"))
        for how, seconds in (("a day ahead", DAY_SECONDS), ("a day behind", -DAY_SECONDS))
    ),
)
