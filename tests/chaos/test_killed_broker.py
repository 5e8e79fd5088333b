"""A broker that is killed while messages are unacknowledged: no process ends for it, and every run goes on."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run, find_run
from migration.model import Phase, Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from tests.support.ledger_consistency import complaints
from tests.support.unwatched_cluster import UnwatchedCluster

IS_LONG = bool(os.environ.get("CONVOY_CHAOS"))
ROWS = 40_000
CHUNK_ROWS = 4_000
PATIENCE_SECONDS = 150
OUTAGE_SECONDS = 5.0 if IS_LONG else 1.5
PHASES = (
    Phase.COPYING,
    Phase.VALIDATING,
    Phase.PROFILING,
    Phase.CUTTING_OVER,
    Phase.SNAPSHOTTING,
    Phase.INDEXING,
)
KILLS = 12 if IS_LONG else 4


@pytest.fixture
def cluster(target_url: str, tmp_path: Path) -> Iterator[UnwatchedCluster]:
    with UnwatchedCluster(target_url, tmp_path, {"MIGRATION_LOG_FORMAT": "json"}) as cluster:
        yield cluster


@pytest.fixture
def ledger(target_url: str) -> Iterator[Engine]:
    engine = open_ledger(target_url, "test")
    yield engine
    engine.dispose()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        for name in ("one", "two"):
            connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, body TEXT)")
            connection.execute(f"CREATE INDEX {name}_body ON {name} (body)")
            rows = ((n, "x" * 100 + str(n)) for n in range(ROWS))
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", rows)
        connection.commit()
    return Source("shop", str(path))


def wait_until(condition: Callable[[], bool], what: str, cluster: UnwatchedCluster) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert not cluster.ended(), {name: cluster.log_of(name)[-3_000:] for name in cluster.ended()}
        assert time.monotonic() < deadline, f"no {what} after {PATIENCE_SECONDS} s"
        time.sleep(0.01)


def test_killed_broker_ends_no_process_and_no_run(
    cluster: UnwatchedCluster, ledger: Engine, source: Source, target_url: str
) -> None:
    app = make_app(Settings(broker_url=cluster.broker_url, target_url=target_url, _env_file=None))
    for kill, wanted in zip(range(KILLS), cycle(PHASES), strict=False):
        schema = f"shop_{kill}"
        options = RunOptions(
            sources=(source,), target_schema=schema, chunk_rows=CHUNK_ROWS, batch_rows=100, workers=2
        )
        run_id = create_run(ledger, options)
        send_advance(app, run_id)
        wait_until(
            lambda run_id=run_id, wanted=wanted: (
                (now := find_run(ledger, run_id).phase) is wanted or now.is_end
            ),
            wanted.value,
            cluster,
        )
        cluster.kill_broker()
        time.sleep(OUTAGE_SECONDS)
        cluster.start_broker()
        wait_until(lambda run_id=run_id: find_run(ledger, run_id).phase.is_end, "end of the run", cluster)
        run = find_run(ledger, run_id)
        assert (run.phase, run.error) == (Phase.COMPLETED, None)
        assert complaints(ledger, run_id) == []
        with ledger.connect() as connection:
            for name in ("one", "two"):
                found = connection.execute(text(f"SELECT count(*), count(DISTINCT id) FROM {schema}.{name}"))
                assert tuple(found.one()) == (ROWS, ROWS)
    app.close()
    assert cluster.ended() == {}
    cluster.stop()
    for name, process in cluster.processes.items():
        assert process.returncode == 0
        events = [json.loads(line)["event"] for line in cluster.log_of(name).splitlines()]
        assert not [event for event in events if "nrecoverable error" in event or "ignored" in event]
