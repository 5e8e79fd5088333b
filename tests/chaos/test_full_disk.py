"""Full disks, of tables, ledger, snapshots, broker: runs wait, say so, and go on by themselves."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from api.app import create_app
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import find_run, list_runs
from migration.ledger.run_requests import request_cancel
from migration.model import Phase
from migration.settings import Settings
from migration.steps.run_cancellation import Cancellation, cancel_run
from producer.embedded.embedded_cluster import LocalCluster
from producer.embedded.embedded_valkey import EmbeddedValkey
from tests.support.api import ApiClient, api_settings
from tests.support.direct import Direct
from tests.support.full_disk import SmallDisk, small_disk, tablespace_on
from tests.support.ledger_consistency import complaints
from tests.support.shell import CLI, Shell

ROWS = 40_000
PATIENCE_SECONDS = 60
DISK_MEGABYTES = 64
EMBEDDED_MEGABYTES = 400
WORKERS = 2
PLACES = ["both", "snapshots", *(["tables", "ledger"] if os.environ.get("CONVOY_CHAOS") else [])]
_LEDGER_TABLES = ("chunks", "events", "steps", "columns", "tables")


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk(DISK_MEGABYTES) as disk:
        yield disk


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "full.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 200 + str(n)) for n in range(ROWS)))
        connection.commit()
    return path


@contextmanager
def database_on(server_url: str, disk: SmallDisk, what: str) -> Iterator[str]:
    """Make a database of which tables, ledger, or both are on a small disk; it is gone afterwards."""
    name = f"full_{uuid.uuid4().hex[:12]}"
    url = server_url.replace("/postgres?", f"/{name}?", 1)
    with (
        tablespace_on(server_url, disk, f"{name}_space") as space,
        psycopg.connect(server_url, autocommit=True) as administrator,
    ):
        home = f" TABLESPACE {space}" if what == "both" else ""
        administrator.execute(f"CREATE DATABASE {name} TEMPLATE template0{home}".encode())
        try:
            open_ledger(url, "test").dispose()
            if what == "tables":
                administrator.execute(f"ALTER DATABASE {name} SET default_tablespace = {space}".encode())
            if what == "ledger":
                with psycopg.connect(url, autocommit=True) as connection:
                    for table in _LEDGER_TABLES:
                        connection.execute(f"ALTER TABLE convoy.{table} SET TABLESPACE {space}".encode())
            yield url
        finally:
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class ClusterWithBrokerOn(LocalCluster):
    """A cluster whose broker keeps its log in another folder."""

    broker_folder: Path

    def _start_valkey(self) -> None:
        supervisor, _ = self._running()
        self._valkey = EmbeddedValkey(self.broker_folder, log=self.logs / "valkey.log", supervisor=supervisor)
        self._valkey.start()
        self.broker_url = self._valkey.url


@contextmanager
def cluster_on(
    url: str, folder: Path, snapshots: Path, broker_folder: Path | None = None
) -> Iterator[LocalCluster]:
    settings = Settings(
        snapshot_dir=snapshots,
        report_dir=folder / "reports",
        embedded_dir=folder / "postgres",
        lease_seconds=2.0,
        watchdog_seconds=1.0,
        _env_file=None,
    )
    cluster = ClusterWithBrokerOn(target=url, workers=WORKERS, settings=settings)
    cluster.broker_folder = broker_folder or folder / "valkey"
    with cluster:
        cluster.wait_ready()
        yield cluster


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {PATIENCE_SECONDS} s"
        time.sleep(0.05)


def wait_for_run(ledger: Engine, phase: Phase) -> str:
    wait_until(lambda: any(run.phase is phase for run in list_runs(ledger)), phase)
    return list_runs(ledger)[0].id


def attempts_of(ledger: Engine, run_id: str) -> int:
    with ledger.connect() as connection:
        query = "SELECT coalesce(max(attempts), 0) FROM convoy.steps WHERE run_id = :run"
        return int(connection.execute(text(query), {"run": run_id}).scalar_one())


@contextmanager
def command_on(cluster: LocalCluster, source: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `migration-cli migrate` on the cluster; it follows the run, and is gone afterwards."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        command = subprocess.Popen(
            [
                *(*CLI, "migrate", "--source", str(source)),
                *("--target-schema", "full", "--chunk-rows", "2000", "--batch-size", "50"),
                *("--report", str(folder / "report")),
            ],
            env=cluster.environment(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        try:
            yield command
        finally:
            command.kill()
            command.wait()


@contextmanager
def api_on(cluster: LocalCluster, url: str) -> Iterator[ApiClient]:
    app = create_app(api_settings(None, target_url=url, broker_url=cluster.broker_url))
    try:
        yield ApiClient(app)
    finally:
        app.state.cluster.close()


@contextmanager
def ledger_on(url: str) -> Iterator[Engine]:
    engine = open_ledger(url, "test")
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.mark.parametrize("what", PLACES)
def test_full_disk_is_waited_for(
    postgres_url: str, disk: SmallDisk, source: Path, tmp_path: Path, what: str
) -> None:
    place = "the folder for snapshots" if what == "snapshots" else "the PostgreSQL server"
    snapshots = disk.path / "snapshots" if what == "snapshots" else tmp_path / "snapshots"
    if what == "snapshots":
        disk.fill(leave_bytes=1 << 20)
    with (
        database_on(postgres_url, disk, what) as url,
        cluster_on(url, tmp_path, snapshots) as cluster,
        ledger_on(url) as ledger,
        api_on(cluster, url) as api,
        command_on(cluster, source, tmp_path) as command,
    ):
        run_id = wait_for_run(ledger, Phase.SNAPSHOTTING if what == "snapshots" else Phase.COPYING)
        if what != "snapshots":
            disk.fill()
        sentence = f"The disk of {place}"
        wait_until(
            lambda: any(sentence in wait for wait in read_progress(ledger, run_id).waits),
            "word of a full disk",
        )
        wait_until(lambda: sentence in (tmp_path / "stderr").read_text(), "word of the command")
        ready = api.get("/readyz")
        told = (200, "full: snapshots") if what == "snapshots" else (503, "full: server")
        assert (ready.status_code, ready.json()["disks"]) == told
        time.sleep(3)  # longer than a lease: no watchdog may make it worse
        assert not find_run(ledger, run_id).phase.is_end
        assert command.poll() is None
        disk.make_room()
        status = command.wait(PATIENCE_SECONDS)
        assert status == 0, (tmp_path / "stderr").read_text()
        ended = find_run(ledger, run_id)
        assert (ended.phase, ended.error) == (Phase.COMPLETED, None)
        assert attempts_of(ledger, run_id) == 1
        assert complaints(ledger, run_id) == []
        with ledger.connect() as connection:
            counted = connection.execute(text('SELECT count(*), count(DISTINCT id) FROM "full".t'))
            assert counted.one() == (ROWS, ROWS)
        wait_until(lambda: api.get("/readyz").status_code == 200, "readiness")


def test_cancel_makes_room_where_the_run_itself_has_filled_the_disk(
    postgres_url: str, disk: SmallDisk, source: Path, tmp_path: Path
) -> None:
    with database_on(postgres_url, disk, "both") as url:
        direct = Direct(url, tmp_path / "direct")
        try:
            run = direct.start(source, until=Phase.COPYING, target_schema="full")
            assert direct.work(run)
            direct.query(
                "SELECT 1"
            )  # a session after the run's DDL writes the file that later ones begin with
            disk.fill()
            with pytest.raises(psycopg.errors.DiskFull):
                fill_the_log(url, run.id)
            with pytest.raises(OperationalError):
                request_cancel(direct.ledger, run.id)
            assert cancel_run(direct.ledger, run.id) == Cancellation()
            assert find_run(direct.ledger, run.id).phase is Phase.CANCELLED
            assert complaints(direct.ledger, run.id) == []
        finally:
            direct.close()


@pytest.mark.skipif(not os.environ.get("CONVOY_CHAOS"), reason="`make chaos` runs it")
def test_full_disk_of_the_broker_is_waited_for(
    target_url: str, disk: SmallDisk, source: Path, tmp_path: Path
) -> None:
    with (
        cluster_on(target_url, tmp_path, tmp_path / "snapshots", disk.path / "valkey") as cluster,
        ledger_on(target_url) as ledger,
        command_on(cluster, source, tmp_path) as command,
    ):
        pids = dict(cluster.pids)
        run_id = wait_for_run(ledger, Phase.COPYING)
        disk.fill()
        wait_until(
            lambda: any("message broker" in wait for wait in read_progress(ledger, run_id).waits),
            "word of the broker",
        )
        time.sleep(3)
        assert not find_run(ledger, run_id).phase.is_end
        disk.make_room()
        status = command.wait(PATIENCE_SECONDS)
        assert status == 0, (tmp_path / "stderr").read_text()
        assert attempts_of(ledger, run_id) == 1
        assert complaints(ledger, run_id) == []
        assert cluster.check() == []
        assert dict(cluster.pids) == pids


def test_embedded_postgres_that_ends_for_lack_of_room_comes_back(source: Path, tmp_path: Path) -> None:
    with small_disk(EMBEDDED_MEGABYTES) as disk:
        shell = Shell(tmp_path, "embedded")
        shell.environment["MIGRATION_EMBEDDED_DIR"] = str(disk.path / "postgres")
        # Slow on purpose: the disk must be full before the rows are there.
        command = shell.start("migrate", "--source", str(source), "--batch-size", "20", "--chunk-rows", "20")
        try:
            assert command.stderr is not None
            told = []
            for line in command.stderr:
                is_first = not any("Copying rows" in earlier for earlier in told)
                told.append(line)
                if "Copying rows" in line and is_first:
                    disk.fill(leave_bytes=4 << 20)
                    use_up_the_log(f"postgresql://postgres@/educational_apps?host={disk.path}/postgres")
                if "The disk of the embedded PostgreSQL is full" in line:
                    disk.make_room()
            assert command.wait(PATIENCE_SECONDS) == 0, told
            assert any("The disk of the embedded PostgreSQL is full" in line for line in told), told
        finally:
            command.kill()
            command.communicate()


def fill_the_log(url: str, run_id: str) -> None:
    """Write entries until no page of the run's log has room for the word that it is cancelled."""
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            connection.execute(
                "INSERT INTO convoy.events (run_id, kind, data) VALUES (%s, 'waiting', '{}')", (run_id,)
            )


def use_up_the_log(url: str) -> None:
    """Write into the write-ahead log of a server until it ends for lack of room."""
    with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        while True:
            connection.execute("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))")
