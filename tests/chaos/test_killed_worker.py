"""What only a real SIGKILL, and a real SIGSTOP, show."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from sqlalchemy import Engine, text

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import RunRecord, create_run, find_run
from migration.model import Phase, Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster

ROWS = 120_000
CHUNK_ROWS = 5_000
SILENCE_SECONDS = 3.0
PATIENCE_SECONDS = 120


class Scene:
    """A run in mid-copy on a cluster that a test may hurt."""

    def __init__(self, cluster: LocalCluster, ledger: Engine, run_id: str) -> None:
        self.cluster = cluster
        self.ledger = ledger
        self.run_id = run_id

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} after {PATIENCE_SECONDS} s: run is {self.run().phase}")
            time.sleep(0.01)

    def run(self) -> RunRecord:
        return find_run(self.ledger, self.run_id)

    def chunks(self, state: str) -> dict[int, tuple[int, object]]:
        """Return chunk id → (attempts, finished at) of the chunks in a state."""
        with self.ledger.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT id, attempts, finished_at FROM convoy.chunks WHERE run_id = :run AND state = :state"
                ),
                {"run": self.run_id, "state": state},
            )
            return {row.id: (row.attempts, row.finished_at) for row in rows}

    def in_mid_copy(self) -> bool:
        return len(self.chunks("done")) >= 2 and bool(self.chunks("running"))

    def kill(self, name: str) -> None:
        """Kill a process of the cluster and all its children at once, as the kernel's OOM killer might."""
        parent = psutil.Process(self.cluster.pids[name])
        family = [*parent.children(recursive=True), parent]
        for process in family:
            os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)

    def stop_a_worker(self) -> tuple[int, int]:
        """Stop a worker that holds a chunk, and return the ids of its step and its process."""
        for _ in range(100):
            with self.ledger.connect() as connection:
                steps = connection.execute(
                    text("SELECT id, worker FROM convoy.steps WHERE run_id = :run AND state = 'running'"),
                    {"run": self.run_id},
                ).all()
            for step_id, worker in steps:
                pid = int(worker.rpartition(":")[2])
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.1)
                with self.ledger.connect() as connection:
                    free = connection.execute(
                        text("SELECT id FROM convoy.steps WHERE id = :id FOR UPDATE SKIP LOCKED"),
                        {"id": step_id},
                    ).scalar()
                if free is None:
                    return step_id, pid
                os.kill(pid, signal.SIGCONT)
        raise AssertionError("no worker was met with a chunk in its hands")

    def assert_everything_arrived_once(self) -> None:
        run = self.run()
        assert (run.phase, run.error) == (Phase.COMPLETED, None)
        with self.ledger.connect() as connection:
            counted = connection.execute(
                text("SELECT count(*), count(DISTINCT id), sum(id) FROM killed.t")
            ).one()
        assert tuple(counted) == (ROWS, ROWS, ROWS * (ROWS + 1) // 2)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "killed.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, price REAL)")
        rows = ((number, "x" * 200 + str(number), number / 7) for number in range(1, ROWS + 1))
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        connection.commit()
    return path


@contextmanager
def _scene(target_url: str, source: Path, folder: Path, workers: int = 1) -> Iterator[Scene]:
    settings = Settings(
        snapshot_dir=folder / "snapshots",
        report_dir=folder / "reports",
        embedded_dir=folder / "postgres",
        silence_seconds=SILENCE_SECONDS,
        _env_file=None,
    )
    with LocalCluster(target=target_url, workers=workers, settings=settings) as cluster:
        cluster.wait_ready()
        ledger = open_ledger(target_url, "test")
        queue = make_app(settings.model_copy(update={"broker_url": cluster.broker_url}))
        options = RunOptions(
            sources=(Source("killed", str(source)),),
            target_schema="killed",
            chunk_rows=CHUNK_ROWS,
            batch_rows=100,  # slow on purpose: there must be a middle to be killed in
            workers=workers,
        )
        run_id = create_run(ledger, options)
        send_advance(queue, run_id)
        try:
            yield Scene(cluster, ledger, run_id)
        finally:
            queue.close()
            ledger.dispose()


@pytest.fixture
def scene(target_url: str, source: Path, tmp_path: Path) -> Iterator[Scene]:
    with _scene(target_url, source, tmp_path) as scene:
        scene.wait_until(scene.in_mid_copy, "chunk in flight")
        yield scene


def test_only_worker_is_killed_in_mid_copy_and_another_finishes(scene: Scene) -> None:
    scene.kill("worker1")
    done_before = scene.chunks("done")
    assert 0 < len(done_before) < ROWS // CHUNK_ROWS
    assert scene.cluster.check() == ["worker1"]  # starts another
    scene.wait_until(lambda: scene.run().phase.is_end, "end")
    scene.assert_everything_arrived_once()
    done_after = scene.chunks("done")
    assert len(done_after) == ROWS // CHUNK_ROWS
    assert {chunk: done_after[chunk] for chunk in done_before} == done_before


def test_emptied_broker_is_survived(scene: Scene) -> None:
    broker = redis.Redis.from_url(scene.cluster.broker_url)
    broker.flushall()
    broker.close()
    done_before = scene.chunks("done")
    scene.wait_until(lambda: scene.run().phase.is_end, "end")
    scene.assert_everything_arrived_once()
    done_after = scene.chunks("done")
    assert {chunk: done_after[chunk] for chunk in done_before} == done_before


def test_killed_producer_is_replaced(scene: Scene) -> None:
    scene.kill("producer")
    assert scene.cluster.check() == ["producer"]
    scene.wait_until(lambda: scene.run().phase.is_end, "end")
    scene.assert_everything_arrived_once()


def test_worker_killed_and_broker_emptied_at_an_index_with_the_reading_sent_ahead(
    scene: Scene, target_url: str
) -> None:
    with psycopg.connect(target_url) as reader:
        reader.execute(f"SELECT FROM {scene.run().staging_schema}.t LIMIT 0".encode())  # no key can be added
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        scene.wait_until(lambda: reader.execute(waiting).fetchone() is not None, "index that waits")
        assert scene.run().phase is Phase.INDEXING
        scene.kill("worker1")
        with redis.Redis.from_url(scene.cluster.broker_url) as broker:
            broker.flushall()
    assert scene.cluster.check() == ["worker1"]
    scene.wait_until(lambda: scene.run().phase.is_end, "end")
    scene.assert_everything_arrived_once()


def test_lost_connections_to_postgres_are_survived(scene: Scene, target_url: str) -> None:
    with psycopg.connect(target_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'convoy%'"
        )
    scene.wait_until(lambda: scene.run().phase.is_end, "end")
    scene.assert_everything_arrived_once()


def test_worker_stopped_in_mid_copy_blocks_nothing_and_spoils_nothing_when_it_goes_on(
    target_url: str, source: Path, tmp_path: Path
) -> None:
    with _scene(target_url, source, tmp_path, workers=2) as scene:
        scene.wait_until(scene.in_mid_copy, "chunk in flight")
        step_id, pid = scene.stop_a_worker()
        try:
            scene.wait_until(lambda: scene.run().phase.is_end, "end")
            scene.assert_everything_arrived_once()
            with scene.ledger.connect() as connection:
                attempts = connection.execute(
                    text("SELECT attempts FROM convoy.steps WHERE id = :id"), {"id": step_id}
                ).scalar_one()
                told = connection.execute(
                    text("SELECT data FROM convoy.events WHERE run_id = :run AND kind = 'worker_stopped'"),
                    {"run": scene.run_id},
                ).scalars()
                (event,) = told
            assert attempts == 2
            assert event["step"] == step_id
            assert event["worker"].endswith(f":{pid}")
            assert re.fullmatch(r"chunk \d+ of table t", event["part"])
            done_before = scene.chunks("done")
        finally:
            os.kill(pid, signal.SIGCONT)
        scene.wait_until(lambda: _sleeps(pid), "worker at rest")
        assert scene.chunks("done") == done_before
        assert len(done_before) == ROWS // CHUNK_ROWS
        scene.assert_everything_arrived_once()


def _sleeps(pid: int) -> bool:
    """Whether a process has nothing to do."""
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    return process.status() == psutil.STATUS_SLEEPING and sum(process.cpu_times()[:2]) == before
