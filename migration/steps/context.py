"""What a process keeps open between steps: connections and readers, opened on first use, never at import."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Engine

from migration.settings import Settings
from migration.source.reader import SnapshotReader
from migration.target.connect import make_engine, with_password
from migration.target.readback import TargetReader


def target_url(settings: Settings) -> str:
    """Return the URL of the cluster's target, with its password.

    Raises:
        UsageError: MIGRATION_TARGET_URL is not set.
    """
    if settings.target_url is None:
        from migration.errors import UsageError

        raise UsageError(
            "This process does not know its target",
            "settings",
            "Set MIGRATION_TARGET_URL to the PostgreSQL that holds the ledger",
        )
    password = settings.target_password.get_secret_value() if settings.target_password else None
    return with_password(settings.target_url.get_secret_value(), password)


class StepContext:
    """Connections of one process. `worker` names it in the ledger."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self.settings = settings
        self.worker = worker
        self.target_url = target_url(settings)
        self.engine: Engine = make_engine(self.target_url, f"convoy {worker}")
        self._readers: dict[str, SnapshotReader] = {}
        self._target_reader: TargetReader | None = None
        self._lock = threading.Lock()

    def snapshot_reader(self, snapshot: str) -> SnapshotReader:
        """Return the open reader of a snapshot; one stays open at a time."""
        with self._lock:
            reader = self._readers.get(snapshot)
            if reader is None:
                for path in list(self._readers):
                    self._readers.pop(path).__exit__(None, None, None)
                reader = SnapshotReader(Path(snapshot)).__enter__()
                self._readers[snapshot] = reader
            return reader

    def target_reader(self) -> TargetReader:
        """Return the open reader of the target."""
        with self._lock:
            if self._target_reader is None:
                self._target_reader = TargetReader(self.target_url).__enter__()
            return self._target_reader

    def forget_connections(self) -> None:
        """Close what may be broken after an error; the next use opens it again."""
        with self._lock:
            if self._target_reader is not None:
                reader, self._target_reader = self._target_reader, None
                reader.__exit__(None, None, None)

    def close(self) -> None:
        """Close everything."""
        self.forget_connections()
        with self._lock:
            for path in list(self._readers):
                self._readers.pop(path).__exit__(None, None, None)
        self.engine.dispose()
