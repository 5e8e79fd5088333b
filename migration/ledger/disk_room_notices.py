"""Who waits for room on a disk: said where saying it needs no disk, because the ledger may be what is full.

An advisory lock lives in the memory of PostgreSQL, everybody can see it, and it goes with the session of a process
that ends. Its two numbers say which disk, and which run; several processes share it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from migration.convoy_error import ConvoyError
from migration.full_disk_errors import DiskFullError, SnapshotDiskFullError, TemporaryDiskFullError

_FIRST_KEY: Final = 0x636F6E00
"""Of the first number of the lock; the number of the disk is added."""
_DISKS: Final[tuple[tuple[type[DiskFullError], str, str], ...]] = (
    (DiskFullError, "server", "the PostgreSQL server"),
    (SnapshotDiskFullError, "snapshots", "the folder for snapshots"),
    (TemporaryDiskFullError, "temporary", "a folder for temporary files"),
)
"""Which error is of which disk; its name for programs, and the one for people."""
DISK_NAMES: Final = tuple(name for _, name, _ in _DISKS)
"""What programs call them."""
EVERY_RUN: Final = ""
"""Stands for the id of a run where all of them wait."""

_HOLD: Final = text("SELECT pg_catalog.pg_try_advisory_lock_shared(:disk, pg_catalog.hashtext(:run_id))")
_NOTICES: Final = text(
    """
    SELECT l.classid::bigint - :first AS disk, a.application_name
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND a.datname = current_database()
      AND l.classid::bigint - :first BETWEEN 0 AND :last
      AND (CAST(:run_id AS text) IS NULL OR l.objid IN (
          CAST(pg_catalog.hashtext(:run_id) AS oid), CAST(pg_catalog.hashtext(:every_run) AS oid)))
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)


def full_server() -> FullDisk:
    """Return the disk of the server as a full one, where that shows in an error instead of a notice."""
    _, name, place = _DISKS[0]
    return FullDisk(name, place, ())


@dataclass(frozen=True, slots=True)
class FullDisk:
    """A disk that processes wait for. `name` is server, snapshots or temporary; `waiting` are PostgreSQL's names."""

    name: str
    place: str
    waiting: tuple[str, ...]

    def sentence(self) -> str:
        """Return what to tell somebody who waits; for a disk of the workers' own, with their names."""
        who = f" of {' and of '.join(self.waiting)}" if self.name == "temporary" else ""
        return (
            f"The disk of {self.place}{who} is full, and is waited for. Make room there: it goes on by itself"
        )


class RoomNotice:
    """What one process says of full disks. Best effort: it is never the reason why anything fails.

    Notices end by themselves so many seconds after the last one was given, because a process may not be asked to try
    again.
    Methods may be called from several threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._held: set[tuple[int, str]] = set()
        self._timer: threading.Timer | None = None

    def give(self, error: DiskFullError, run_id: str | None, seconds: float) -> None:
        """Say that this process waits for room on the disk of `error`; without a run, that every run does."""
        disk = max(number for number, (kind, _, _) in enumerate(_DISKS) if isinstance(error, kind))
        with self._lock:
            try:
                self._hold(disk, run_id or EVERY_RUN)
            except (SQLAlchemyError, ConvoyError):
                self._close()  # the server is away, too
            self._end_later(seconds)

    def end(self, run_id: str | None = None) -> None:
        """Say that there was room: for all, or for one run, if it was among those that had to wait.

        What others still wait for is said again when it is tried again.
        """
        with self._lock:
            if run_id is not None and run_id not in {run for _, run in self._held}:
                return
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._close()

    def _hold(self, disk: int, run_id: str) -> None:
        if self._connection is None:
            # Taken out of the pool: the lock is to end with the session, and never to wander to another user of it.
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.detach()
        if (disk, run_id) in self._held:
            self._connection.execute(text("SELECT 1"))  # raises where the session was ended
        else:
            self._connection.execute(_HOLD, {"disk": _FIRST_KEY + disk, "run_id": run_id})
            self._held.add((disk, run_id))

    def _end_later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(seconds, self.end)
        self._timer.daemon = True
        self._timer.start()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


def read_full_disks(connection: Connection, run_id: str | None = None) -> tuple[FullDisk, ...]:
    """Return the disks that processes wait for now: for the sake of one run, or of any."""
    values = {"first": _FIRST_KEY, "last": len(_DISKS) - 1, "run_id": run_id, "every_run": EVERY_RUN}
    waiting: dict[int, list[str]] = {}
    for disk, who in connection.execute(_NOTICES, values):
        waiting.setdefault(disk, []).append(who)
    return tuple(FullDisk(_DISKS[disk][1], _DISKS[disk][2], tuple(who)) for disk, who in waiting.items())
