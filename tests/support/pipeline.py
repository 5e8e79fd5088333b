"""One real cluster for the pipeline's tests: Valkey, PostgreSQL, producer and two workers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery
from sqlalchemy import Engine

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import RunRecord, create_run, find_run
from migration.model import Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster

PATIENCE_SECONDS = 120


@dataclass
class Pipeline:
    """A running cluster and its ledger."""

    cluster: LocalCluster
    url: str
    ledger: Engine
    queue: Celery

    def start(self, path: Path, **options: Any) -> str:
        options.setdefault("target_schema", path.stem)
        run_id = create_run(self.ledger, RunOptions(sources=(Source(path.stem, str(path)),), **options))
        send_advance(self.queue, run_id)
        return run_id

    def wait(self, run_id: str) -> RunRecord:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            run = find_run(self.ledger, run_id)
            if run.phase.is_end:
                return run
            time.sleep(0.05)
        raise AssertionError(f"run {run_id} is still {run.phase}; logs: {self.cluster.logs}")

    def migrate(self, path: Path, **options: Any) -> RunRecord:
        return self.wait(self.start(path, **options))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture(scope="session")
def pipeline(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("pipeline")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE pipeline TEMPLATE template0")
    url = postgres_url.replace("/postgres?", "/pipeline?", 1)
    settings = Settings(
        snapshot_dir=folder / "snapshots",
        report_dir=folder / "reports",
        embedded_dir=folder / "postgres",
        log_level="DEBUG",  # what Celery says of each message is counted
        _env_file=None,
    )
    with LocalCluster(target=url, workers=2, settings=settings) as cluster:
        cluster.wait_ready()
        ledger = open_ledger(url, "test")
        queue = make_app(settings.model_copy(update={"broker_url": cluster.broker_url}))
        yield Pipeline(cluster, url, ledger, queue)
        queue.close()
        ledger.dispose()


@pytest.fixture
def build(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Build a SQLite database from a script; its name is that of the test."""

    def create(script: str) -> Path:
        path = tmp_path / f"{request.node.name[:40].replace('[', '_').replace(']', '')}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
            connection.commit()
        return path

    return create
