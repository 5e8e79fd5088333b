"""Snapshots reach the disk while they are profiled: no table is created before they are there.

A slow disk takes longer than all else that is done to freeze a source. Nothing depends on it as long as the machine
runs; should it go down, a run that goes on must not read what was only half written.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.source.snapshots.snapshot_creation import flush

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.ledger.table_records import SourceRecord
    from migration.settings import Settings

_AT_ONCE = 2


class SnapshotFlushes:
    """The snapshots that this process has frozen and that are on their way to the disk, by run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="convoy-flush")
        self._by_run: dict[str, list[Future[None]]] = {}

    def start(self, run_id: str, snapshot: Path) -> None:
        """Begin to write a snapshot to the disk."""
        with self._lock:
            self._by_run.setdefault(run_id, []).append(self._pool.submit(flush, snapshot))

    def wait(self, run_id: str, sources: Sequence[SourceRecord], settings: Settings) -> None:
        """Return once all snapshots of a run are safe on the disk.

        Where another process has frozen them, which may have gone down with its machine, they are hashed again, or are
        on the stage, from which nobody takes them unhashed.

        Raises:
            SourceUnreadableError: the disk has refused one, or it is not what was frozen.
        """
        with self._lock:
            begun = self._by_run.pop(run_id, None)
        if begun is None:
            with SnapshotAccess(settings) as snapshots:
                for source in sources:
                    snapshots.confirm(source)
            return
        for writing in begun:
            writing.result()
