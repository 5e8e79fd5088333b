"""A broker that refuses for longer than Celery tries, and one that vanishes without closing a connection."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, text

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import create_run, find_run
from migration.model import Phase, Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from tests.support.broker_proxy import ProxiedCluster
from tests.support.ledger_consistency import complaints

ROWS = 60_000
CHUNK_ROWS = 3_000
PATIENCE_SECONDS = 150
IS_LONG = bool(os.environ.get("CONVOY_CHAOS"))
MODES = ["refuse", "swallow", *(["forget"] if IS_LONG else [])]
OUTAGE_SECONDS = 120.0 if IS_LONG else 27.0
"""Longer than the twenty seconds after which Celery's result backend gives up."""


@pytest.fixture
def cluster(target_url: str, tmp_path: Path) -> Iterator[ProxiedCluster]:
    settings = Settings(
        snapshot_dir=tmp_path / "snapshots",
        report_dir=tmp_path / "reports",
        embedded_dir=tmp_path / "postgres",
        _env_file=None,
    )
    with ProxiedCluster(target=target_url, workers=2, settings=settings) as cluster:
        cluster.wait_ready()
        yield cluster


@pytest.fixture
def ledger(target_url: str) -> Iterator[Engine]:
    engine = open_ledger(target_url, "test")
    yield engine
    engine.dispose()


def start(cluster: ProxiedCluster, ledger: Engine, folder: Path) -> str:
    path = folder / "silent.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 200 + str(n)) for n in range(ROWS)))
        connection.commit()
    options = RunOptions(
        sources=(Source("silent", str(path)),),
        target_schema="silent",
        chunk_rows=CHUNK_ROWS,
        batch_rows=50,  # slow on purpose: the outage must fall into the copy
        workers=2,
    )
    run_id = create_run(ledger, options)
    queue = make_app(cluster.settings.model_copy(update={"broker_url": cluster.broker_url}))
    send_advance(queue, run_id)
    queue.close()
    return run_id


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {PATIENCE_SECONDS} s"
        time.sleep(0.05)


@pytest.mark.parametrize("mode", MODES)
def test_outage_of_the_broker_is_waited_out(
    cluster: ProxiedCluster, ledger: Engine, tmp_path: Path, mode: str
) -> None:
    run_id = start(cluster, ledger, tmp_path)
    wait_until(lambda: find_run(ledger, run_id).phase is Phase.COPYING, "copying")
    pids = dict(cluster.pids)
    cluster.proxy.set(mode)
    time.sleep(OUTAGE_SECONDS)
    during = find_run(ledger, run_id)
    assert during.phase is not Phase.FAILED, during.error
    waits = read_progress(ledger, run_id).waits
    cluster.proxy.set("forward")
    wait_until(lambda: find_run(ledger, run_id).phase.is_end, "end")
    ended = find_run(ledger, run_id)
    assert (ended.phase, ended.error) == (Phase.COMPLETED, None)
    assert complaints(ledger, run_id) == []
    assert dict(cluster.pids) == pids
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    if mode == "refuse":  # where a message hangs that was being sent, its sender speaks only after the outage
        assert any("message broker" in wait for wait in waits), waits
    with ledger.connect() as connection:
        assert connection.execute(text("SELECT count(*), count(DISTINCT id) FROM silent.t")).one() == (
            ROWS,
            ROWS,
        )
