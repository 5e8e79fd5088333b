"""The one way to a snapshot for whoever reads it: where it is on this host, brought here from the stage if need be."""

from __future__ import annotations

import os
import socket
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from migration.errors import SnapshotLostError
from migration.source.snapshots.snapshot_cache import SnapshotCache
from migration.source.snapshots.snapshot_creation import confirm
from migration.source.snapshots.snapshot_stage import open_stage
from migration.source.source_budget import SourceBudget

if TYPE_CHECKING:
    from types import TracebackType

    from migration.file_lock import FileLock
    from migration.settings import Settings
    from migration.source.snapshots.snapshot_stage import SnapshotStage


class FrozenSource(Protocol):
    """What the ledger says of a snapshot: its path on the host that froze it, its hash and size."""

    @property
    def snapshot(self) -> str:
        """Path on the host of the producer."""

    @property
    def sha256(self) -> str:
        """SHA-256 of its content, which is its name, too."""

    @property
    def bytes(self) -> int:
        """Its size."""


class SnapshotAccess:
    """Finds snapshots for one process, and keeps those that it has found on this host until `release`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held: dict[str, FileLock] = {}
        self._paths: dict[str, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def budget(self) -> SourceBudget:
        """What reading them may cost in this process."""
        return SourceBudget.of(self._settings)

    def path(self, source: FrozenSource) -> Path:
        """Return where a snapshot is on this host; fetched from the stage where it is not here.

        Raises:
            SnapshotLostError: it is neither here nor on the stage.
            StageUnreachableError: the stage does not answer.
            SnapshotFetchError: other bytes came than were frozen, or there is no room.
            SettingError: the stage's settings make no sense.
        """
        here = self._frozen_here(source)
        if here is not None:
            return here
        if source.sha256 in self._held:
            return self._paths[source.sha256]
        if self._stage is None:
            raise _lost(source, "MIGRATION_STAGE_URL names no stage, from which it could be fetched")
        try:
            held = self._cache.hold(source.sha256, source.bytes, self._stage)
        except FileNotFoundError as error:
            raise _lost(source, f"The stage does not have it: {self._stage.locate(source.sha256)}") from error
        self._held[source.sha256] = held.lock
        self._paths[source.sha256] = held.path
        return held.path

    def confirm(self, source: FrozenSource) -> None:
        """Make sure that a snapshot which another process has taken is as it was frozen, here or on the stage.

        What is on the stage is hashed by each host that fetches it.

        Raises:
            SnapshotLostError: it is not.
            StageUnreachableError: the stage does not answer.
        """
        here = self._frozen_here(source)
        if here is not None:
            confirm(here, source.sha256)
        elif self._stage is None or self._stage.size(source.sha256) != source.bytes:
            self.path(source)

    def release(self) -> None:
        """Let go of all snapshots; their readers must be closed before."""
        while self._held:
            self._held.popitem()[1].release()
        self._paths.clear()

    @cached_property
    def _stage(self) -> SnapshotStage | None:
        return open_stage(self._settings)

    @cached_property
    def _cache(self) -> SnapshotCache:
        return SnapshotCache(self._settings.snapshot_dir.absolute(), self._settings.stage_cache_bytes)

    def _frozen_here(self, source: FrozenSource) -> Path | None:
        """Return the snapshot itself, where its folder is seen from here.

        Hosts that share no disk may call their folders alike: then what is here may be a copy from the stage.
        """
        path = Path(source.snapshot)
        if not path.exists():
            return None
        is_own = path.parent == self._settings.snapshot_dir.absolute()
        is_copy = is_own and self._stage is not None and self._cache.is_copy(source.sha256)
        if is_copy:
            return None
        if not os.access(path, os.R_OK):
            if self._stage is not None and not is_own:
                return None
            raise _lost(
                source, "It is there, and this user may not read it: start workers as the producer's user"
            )
        return path


def _lost(source: FrozenSource, why: str) -> SnapshotLostError:
    return SnapshotLostError(
        f"The snapshot that the run was made from is not on host {socket.gethostname()}",
        file=source.snapshot,
        remedy=f"{why}. Migrate the source again, in a new run",
    )
