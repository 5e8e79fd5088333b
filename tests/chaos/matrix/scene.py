"""A run on a cluster that may be hurt: what faults and the judge take hold of."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import redis
from celery import Celery

from migration.model import Phase
from migration.queue import make_app
from tests.chaos.matrix.chaos_cluster import (
    CLUSTER_DATABASE,
    COMMAND_DATABASE,
    PATIENCE_SECONDS,
    ChaosCluster,
)
from tests.support.shell import Shell

AREAS, ITEMS, CHUNK_ROWS = 400, 2_000, 100
MARKED_ROW = b"the marked row"
"""Text of one row, in the last chunk."""
_NEXT_COMMAND = re.compile(r"migration-cli (resume [^\n`]*)")
_LOOK_SECONDS = 0.005
_GONE = (psycopg.OperationalError, psycopg.errors.AdminShutdown, psycopg.InterfaceError)


def build_source(path: Path) -> Path:
    """Write the small source: two tables with a foreign key, an index, a view, and a row for the quarantine."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE area (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
            CREATE TABLE item (
                id INTEGER PRIMARY KEY, area_id INTEGER REFERENCES area (id), title TEXT, price REAL, made DATE);
            CREATE INDEX item_area ON item (area_id);
            CREATE VIEW dear AS SELECT id, title FROM item WHERE price > 100;
            """
        )
        connection.executemany(
            "INSERT INTO area VALUES (?, ?)", ((number, f"Area {number}") for number in range(1, AREAS + 1))
        )
        connection.executemany(
            "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
            (
                (number, number % AREAS + 1, f"Item {number} " + "x" * 60, number / 7, "2024-02-29")
                for number in range(1, ITEMS + 1)
            ),
        )
        connection.execute("UPDATE item SET title = CAST(x'ff' AS TEXT) WHERE id = 777")
        connection.execute("UPDATE item SET title = ? WHERE id = ?", (MARKED_ROW.decode(), ITEMS - 3))
        connection.commit()
    return path


class Scene:
    """One run, the command that follows it, and the cluster that works on it."""

    def __init__(self, cluster: ChaosCluster, name: str, *, seed: str, own_cluster: bool) -> None:
        self.cluster = cluster
        self.name = name
        self.random = random.Random(seed)  # noqa: S311 - seeded, so that it repeats
        self.own_cluster = own_cluster
        self.database = COMMAND_DATABASE if own_cluster else CLUSTER_DATABASE
        self.url = cluster.url_of(self.database)
        self.folder = cluster.folder / "cells" / name
        self.folder.mkdir(parents=True)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.source = self.folder / f"{name}.db"
        self.run_id = ""
        self.notes: list[str] = []
        """What a fault wants to have in the results."""
        self.complaints: list[str] = []
        """What a fault itself saw go wrong."""
        self.said = ""
        self._command: subprocess.Popen[str] | None = None
        self.shell = Shell(self.folder, self.url)
        settings = cluster.environment()
        for key in ("LEASE_SECONDS", "WATCHDOG_SECONDS", "SILENCE_SECONDS", "SNAPSHOT_DIR", "REPORT_DIR"):
            self.shell.environment[f"MIGRATION_{key}"] = settings[f"MIGRATION_{key}"]
        self.shell.environment["TMPDIR"] = str(self.temporary)
        if own_cluster:
            self.shell.environment["MIGRATION_SNAPSHOT_DIR"] = str(self.folder / "snapshots")
        else:
            self.shell.environment["MIGRATION_BROKER_URL"] = cluster.broker_url

    def use_source(self, template: Path) -> None:
        """Copy the source, with a byte that makes its snapshot another one than those of other runs."""
        shutil.copyfile(template, self.source)
        with closing(sqlite3.connect(self.source)) as connection:
            connection.execute("UPDATE area SET name = ? WHERE id = 1", (self.name[:40],))
            connection.commit()

    def start(self, *flags: str) -> None:
        """Start the command that migrates, and follows its run."""
        words = ("--source", str(self.source), "--target-schema", self.name, "--chunk-rows", str(CHUNK_ROWS))
        self._command = self.shell.start("migrate", *words, "--workers", "2", *flags)

    @property
    def command(self) -> subprocess.Popen[str]:
        """The command that follows the run."""
        assert self._command is not None
        return self._command

    def wait_for_command(self) -> int:
        """Wait until the command ends by itself and return its exit status."""
        try:
            out, err = self.command.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.command.kill()
            out, err = self.command.communicate()
            self.said += out + err
            raise AssertionError(
                f"the command has not ended after {PATIENCE_SECONDS:.0f} s; the run is {self.phase()};"
                f" it said:\n{self.said[-2000:]}"
            ) from None
        self.said += out + err
        return self.command.returncode

    def printed_command(self) -> list[str]:
        """Return the words of the `resume` that the command has printed last; none where it printed none."""
        found = _NEXT_COMMAND.findall(self.said)
        return found[-1].split() if found else []

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's connection to the run's database, autocommit."""
        with psycopg.connect(self.cluster.admin_url(self.database), autocommit=True) as connection:
            yield connection

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the server as superuser, and wait for it where it is away."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with self.admin() as connection:
                    cursor = connection.execute(statement.encode(), values or None)
                    return cursor.fetchall() if cursor.description else []
            except _GONE:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def dwell(self, phase: Phase | None, run_seconds: float = 0.9, step_seconds: float = 0.05) -> None:
        """Let runs dwell in a phase, or in none."""
        self.query("DELETE FROM dwelling.place")
        if phase is not None:
            few_steps = phase in {Phase.INDEXING, Phase.VALIDATING, Phase.CUTTING_OVER}
            self.query(
                "INSERT INTO dwelling.place VALUES (%s, %s, %s)",
                phase.value,
                run_seconds,
                step_seconds * (4 if few_steps else 1),
            )

    def find_run(self) -> str | None:
        """Return the id of the run into this scene's schema, once there is one."""
        found = self.query(
            "SELECT id::text FROM convoy.runs WHERE options ->> 'target_schema' = %s", self.name
        )
        return found[0][0] if found else None

    def phase(self) -> Phase:
        """Where the run is."""
        ((phase,),) = self.query("SELECT phase FROM convoy.runs WHERE id = %s", self.run_id)
        return Phase(phase)

    def wait_for_phase(self, phase: Phase) -> bool:
        """Return as soon as the run is in a phase; False where it was past it before that was seen."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        order = list(Phase)
        with self.admin() as connection:
            while time.monotonic() < deadline:
                found = connection.execute(
                    "SELECT id::text, phase FROM convoy.runs WHERE options ->> 'target_schema' = %s",
                    (self.name,),
                ).fetchone()
                if found is not None:
                    self.run_id = found[0]
                    if order.index(Phase(found[1])) >= order.index(phase):
                        return phase is Phase.COMPLETED or Phase(found[1]) is phase
                if self.command.poll() is not None:
                    break
                time.sleep(_LOOK_SECONDS)
        status = self.wait_for_command()
        raise AssertionError(f"the run never was {phase}; the command ended with {status}:\n{self.said}")

    def done_chunks(self, older_than_seconds: float = 0.0) -> dict[int, tuple[int, object]]:
        """Return chunk id → (attempts, finished at) of the chunks that are copied."""
        found = self.query(
            "SELECT id, attempts, finished_at FROM convoy.chunks WHERE run_id = %s AND state = 'done'"
            " AND finished_at < clock_timestamp() - make_interval(secs => %s)",
            self.run_id,
            older_than_seconds,
        )
        return {chunk: (attempts, finished) for chunk, attempts, finished in found}

    def snapshot(self) -> Path:
        """Return where the run's snapshot lies."""
        ((path,),) = self.query("SELECT snapshot FROM convoy.sources WHERE run_id = %s", self.run_id)
        return Path(path)

    def broker(self) -> redis.Redis:
        """A client of the broker, past the proxy."""
        return redis.Redis.from_url(self.cluster.direct_broker_url, socket_timeout=5)

    @contextmanager
    def queue(self) -> Iterator[Celery]:
        """An application that sends, past the proxy."""
        app = make_app(
            self.cluster.settings.model_copy(update={"broker_url": self.cluster.direct_broker_url})
        )
        try:
            yield app
        finally:
            app.close()

    @staticmethod
    def pause(seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait for something that comes by itself.

        Raises:
            AssertionError: it does not come.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"no {what} after {seconds} s"
            time.sleep(0.02)

    def close(self) -> None:
        """End the command, if a failure has left it, and remove the scene's files and tables."""
        if self._command is not None and self._command.poll() is None:
            with suppress(OSError):
                self._command.kill()
            self._command.communicate()
        self.dwell(None)
        self.query(f'DROP SCHEMA IF EXISTS "{self.name}" CASCADE')
        shutil.rmtree(self.folder, ignore_errors=True)
