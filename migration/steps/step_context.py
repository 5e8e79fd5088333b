"""What a process keeps open between steps: connections and readers, opened on first use, never at import."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from migration.errors import RetryableError, SettingError
from migration.full_disk_errors import DiskFullError
from migration.ledger.disk_room_notices import RoomNotice
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.table_records import (
    KnownSources,
    SourceRecord,
    planned,
    read_profiles,
    read_table_versions,
    read_tables_of,
)
from migration.model import ColumnProfile, TablePlan
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.settings import Settings
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.source_schema import SourceTable
from migration.target.loading.table_readback import TargetReader
from migration.target.target_connection import make_engine, renew_sessions, with_password

_MOST_TABLES = 1_000
"""Tables that a process remembers before it forgets them all."""
_SHORTEST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 20.0
_NEXT_ATTEMPT_SECONDS = 10.0
"""So soon after a pause, an attempt that finds the disk full again has said so."""
_LONGEST_NAME = 56
"""Of PostgreSQL's 63 bytes for the name of an application."""


def target_url(settings: Settings) -> str:
    """Return the URL of the cluster's target, with its password.

    Raises:
        UsageError: MIGRATION_TARGET_URL is not set.
    """
    if settings.target_url is None:
        raise SettingError(
            "This process does not know its target",
            setting="MIGRATION_TARGET_URL",
            remedy="Set MIGRATION_TARGET_URL to the PostgreSQL that holds the ledger",
        )
    password = settings.target_password.get_secret_value() if settings.target_password else None
    return with_password(settings.target_url.get_secret_value(), password)


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """All that the ledger says of a table once it is planned; none of it changes any more."""

    id: int
    run: RunRecord
    source: SourceRecord
    declared: SourceTable
    plan: TablePlan
    profile: Mapping[str, ColumnProfile]


def read_planned_table(
    connection: Connection, run_id: str, table_id: int, known: KnownSources | None = None
) -> PlannedTable:
    """Return a planned table; `known` remembers its source for the next one.

    Raises:
        PermanentError: the table has not been planned.
    """
    run = read_run(connection, run_id)
    return read_planned_tables(connection, run, [table_id], known or KnownSources())[table_id]


def read_planned_tables(
    connection: Connection, run: RunRecord, table_ids: Collection[int], known: KnownSources
) -> dict[int, PlannedTable]:
    """Return planned tables of one run by their ids; `known` remembers their sources.

    Raises:
        PermanentError: one of them has not been planned.
    """
    profiles = read_profiles(connection, table_ids)
    return {
        id_: PlannedTable(id_, run, *known.source_of(connection, table), planned(table), profiles[id_])
        for id_, table in read_tables_of(connection, table_ids).items()
    }


class StepContext:
    """Connections of one process. `worker` names it in the ledger; `observers` hear of its steps."""

    def __init__(self, settings: Settings, worker: str, observers: Observers = STANDARD_OBSERVERS) -> None:
        self.settings = settings
        self.worker = worker
        self.observers = observers
        self.target_url = target_url(settings)
        # Rows and their `done` mark are in one commit, so a crash of the server loses both or neither; the cutover's
        # own commit, which waits for the disk, takes all that came before it along (docs/scaling.md).
        self.engine: Engine = make_engine(self.target_url, self.session_name, wait_for_disk=False)
        self.sources = KnownSources()
        self.room = RoomNotice(self.engine)
        self.disturbances = 0
        """Attempts in a row that something passing has ended: a lost connection, a deadlock, a lock."""
        self._set_aside: dict[str, float] = {}
        """Runs that wait for room on a disk, and until when (`time.monotonic`) this process leaves them alone."""
        self._without_room: set[str] = set()
        self._runs: dict[str, RunRecord] = {}
        self._tables: dict[int, tuple[int, PlannedTable]] = {}
        """By their ids, with the version that the ledger has to show again: see `read_table_versions`."""
        self._readers: dict[tuple[int, str, str], SnapshotReader] = {}
        self._snapshots = SnapshotAccess(settings)
        self._target_reader: TargetReader | None = None
        self._lock = threading.Lock()

    @property
    def session_name(self) -> str:
        """What PostgreSQL calls this process's connections; the end of a long name tells processes apart."""
        return f"convoy {self.worker[-_LONGEST_NAME:]}"

    def run(self, connection: Connection, run_id: str) -> RunRecord:
        """Return a run as this process first saw it: its options and schemas never change, its phase does."""
        known = self._runs.get(run_id)
        if known is None:
            if len(self._runs) >= _MOST_TABLES:
                self._runs.clear()
            known = self._runs[run_id] = read_run(connection, run_id)
        return known

    def has_several_sources(self, run_id: str) -> bool:
        """Whether a run that this process has seen has several sources, so that errors tell which; asks nobody."""
        known = self._runs.get(run_id)
        return known is not None and known.options.table_names.has_several_sources

    def planned_table(self, connection: Connection, run_id: str, table_id: int) -> PlannedTable:
        """Return a planned table, read from the ledger once for all its chunks."""
        return self.planned_tables(connection, run_id, [table_id])[table_id]

    def planned_tables(
        self, connection: Connection, run_id: str, table_ids: Collection[int]
    ) -> dict[int, PlannedTable]:
        """Return planned tables of one run by their ids; those that are new here are read together."""
        versions = read_table_versions(connection, table_ids)
        new = {
            table_id
            for table_id in table_ids
            if table_id not in self._tables or self._tables[table_id][0] != versions.get(table_id)
        }
        if new:
            if len(self._tables) + len(new) > _MOST_TABLES:
                self._tables.clear()
                new = set(table_ids)
            run = self.run(connection, run_id)
            read = read_planned_tables(connection, run, new, self.sources)
            self._tables |= {table_id: (versions[table_id], table) for table_id, table in read.items()}
        return {table_id: self._tables[table_id][1] for table_id in table_ids}

    def snapshot_reader(self, source: SourceRecord) -> SnapshotReader:
        """Return the open reader of the snapshot of a run's source; one stays open at a time.

        Not by the file's name or hash alone: what SQLite keeps in memory of a file that was found changed must not be
        read again, neither by the run when it begins anew nor by another of the same source, whose snapshot has taken
        its place.

        Raises:
            ConvoyError: as `SnapshotAccess.path`.
        """
        with self._lock:
            key = (source.id, source.sha256, source.snapshot)
            reader = self._readers.get(key)
            if reader is None:
                self._close_readers()
            # Asked for at each step: between two, others may have evicted it. Then a file of the same bytes takes its
            # place, and an open reader reads what it has open.
            path = self._snapshots.path(source)
            if reader is None:
                reader = self._readers[key] = SnapshotReader(path).__enter__()
            return reader

    def snapshot_path(self, source: SourceRecord) -> Path:
        """Return where a source's snapshot is on this host until the end of the step.

        Raises:
            ConvoyError: as `SnapshotAccess.path`.
        """
        with self._lock:
            return self._snapshots.path(source)

    def end_step(self) -> None:
        """Let snapshots go that were brought to this host: one that no step reads may be evicted."""
        with self._lock:
            self._snapshots.release()

    def _close_readers(self) -> None:
        for key in list(self._readers):
            self._readers.pop(key).__exit__(None, None, None)

    def target_reader(self) -> TargetReader:
        """Return the open reader of the target; one whose session has ended meanwhile is opened again."""
        with self._lock:
            if self._target_reader is not None:
                try:
                    self._target_reader.make_sure()
                except RetryableError:
                    self._target_reader.close()
                    self._target_reader = None
            if self._target_reader is None:
                self._target_reader = TargetReader(self.target_url, self.session_name).__enter__()
            return self._target_reader

    def forget_connections(self) -> None:
        """Close what may be broken after an error; the next use opens it again."""
        with self._lock:
            if self._target_reader is not None:
                reader, self._target_reader = self._target_reader, None
                reader.__exit__(None, None, None)

    def renew_sessions(self) -> None:
        """Close all sessions, or let them be opened anew: settings of role and database are as they are then."""
        renew_sessions(self.engine)
        self.forget_connections()

    def back_off(self) -> None:
        """Pause after an attempt that something passing has ended: longer each time in a row, so that it can pass."""
        time.sleep(self._next_pause_seconds())

    def await_room(self, error: DiskFullError, run_id: str | None) -> None:
        """Pause as `back_off` does, and say meanwhile which disk is full; without a run, that all of them wait."""
        pause_seconds = self._next_pause_seconds()
        self.room.give(error, run_id, pause_seconds + _NEXT_ATTEMPT_SECONDS)
        time.sleep(pause_seconds)

    def set_aside(self, error: DiskFullError, run_id: str) -> None:
        """Leave a run alone for as long as `await_room` would pause, and say meanwhile which disk is full.

        Others may have room: another tablespace, or nothing to write.
        """
        pause_seconds = self._next_pause_seconds()
        self.room.give(error, run_id, pause_seconds + _NEXT_ATTEMPT_SECONDS)
        self._set_aside[run_id] = time.monotonic() + pause_seconds
        self._without_room.add(run_id)

    def waits_for_room(self, run_id: str) -> bool:
        """Return whether this process has found no room for a run at its last attempt."""
        return run_id in self._without_room

    def runs_set_aside(self) -> list[str]:
        """Return the ids of runs that this process leaves alone for now."""
        now = time.monotonic()
        self._set_aside = {run: until for run, until in self._set_aside.items() if until > now}
        return list(self._set_aside)

    def note_disturbance(self) -> None:
        """Take note of an attempt that something passing has ended; its step waits in the ledger, nobody here does."""
        self.disturbances += 1

    def _next_pause_seconds(self) -> float:
        self.note_disturbance()
        longest = min(_LONGEST_PAUSE_SECONDS, _SHORTEST_PAUSE_SECONDS * 2**self.disturbances)
        return random.uniform(longest / 2, longest)  # noqa: S311 # nosec B311 - so that processes do not come all at once

    def note_success(self, run_id: str) -> None:
        """Take note that an attempt at a run went well: whatever disturbed the ones before has passed.

        Other runs may still wait for room, on another disk or tablespace.
        """
        if self.disturbances or self._without_room:
            self.disturbances = 0
            self._without_room.discard(run_id)
            self._set_aside.pop(run_id, None)
            self.room.end(run_id if self._without_room else None)

    def close(self) -> None:
        """Close everything."""
        self.room.end()
        self.forget_connections()
        with self._lock:
            self._close_readers()
            self._snapshots.release()
        self.engine.dispose()
