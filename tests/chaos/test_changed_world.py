"""What changes under a run: the bytes of its snapshot, the timeouts of its sessions, a producer that freezes."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run, find_run
from migration.ledger.run_requests import request_resume
from migration.model import Mode, Phase, Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster
from tests.support.direct import Direct, quiet_steps
from tests.support.ledger_consistency import complaints

SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO t VALUES (1, 'the first row'), (2, 'the second row');
"""


def flip(snapshot: Path) -> None:
    """Change one character of one row, as a bad disk may: no check of SQLite's can see it."""
    data = snapshot.read_bytes()
    assert data.count(b"the second row") == 1
    snapshot.chmod(0o600)
    snapshot.write_bytes(data.replace(b"the second row", b"the secone row"))


@pytest.mark.parametrize("phase", [Phase.PROFILING, Phase.COPYING])
def test_changed_snapshot_is_never_called_proved(
    direct: Direct, build: Callable[[str], Path], phase: Phase
) -> None:
    run = direct.start(build(SCRIPT), until=phase, target_schema="flipped")
    ((snapshot,),) = direct.query("SELECT snapshot FROM convoy.sources")
    flip(Path(snapshot))
    with quiet_steps():
        ended = direct.finish(run.id)
    assert ended.phase is Phase.FAILED
    assert "not what was frozen" in str(ended.error)
    assert complaints(direct.ledger, run.id) == []


@pytest.mark.parametrize("phase", [Phase.PROFILING, Phase.COPYING])
def test_snapshot_that_is_right_again_heals_no_row_that_was_read(
    direct: Direct, build: Callable[[str], Path], phase: Phase
) -> None:
    run = direct.start(build(SCRIPT), until=phase, target_schema="healed")
    ((path,),) = direct.query("SELECT snapshot FROM convoy.sources")
    snapshot = Path(path)
    right = snapshot.read_bytes()
    flip(snapshot)
    with quiet_steps():
        assert direct.finish(run.id).phase is Phase.FAILED
        snapshot.write_bytes(right)  # a disk that was tired, or a file from a backup
        request_resume(direct.ledger, run.id)
        assert find_run(direct.ledger, run.id).phase is Phase.SNAPSHOTTING
        assert complaints(direct.ledger, run.id) == []
        ended = direct.finish(run.id)
    assert (ended.phase, ended.error) == (Phase.COMPLETED, None)
    assert complaints(direct.ledger, run.id) == []
    assert direct.query("SELECT body FROM healed.t ORDER BY id") == [("the first row",), ("the second row",)]


def test_changed_snapshot_is_never_called_equal(direct: Direct, build: Callable[[str], Path]) -> None:
    path = build(SCRIPT)
    direct.migrate(path, target_schema="compared")
    run = direct.start(path, until=Phase.VALIDATING, target_schema="compared", mode=Mode.VALIDATE)
    ((snapshot,),) = direct.query(f"SELECT snapshot FROM convoy.sources WHERE run_id = '{run.id}'")
    flip(Path(snapshot))
    with quiet_steps():
        ended = direct.finish(run.id)
    assert ended.phase is Phase.FAILED
    assert "not what was frozen" in str(ended.error)


def test_timeouts_of_database_and_role_cut_no_session(target_url: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    with psycopg.connect(target_url, autocommit=True) as administrator:
        (name, version) = administrator.execute(
            "SELECT current_database(), current_setting('server_version_num')::int"
        ).fetchone() or ("", 0)
        timeouts = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
        timeouts += ["idle_session_timeout"] if version >= 140_000 else []
        timeouts += ["transaction_timeout"] if version >= 170_000 else []
        for timeout in timeouts:
            administrator.execute(f'ALTER DATABASE "{name}" SET {timeout} = 150'.encode())
    direct = Direct(target_url, tmp_path / "direct")
    try:
        run = direct.start(path, until=Phase.SNAPSHOTTING, target_schema="cut")
        with direct.ledger.connect() as idle, direct.context.target_reader() as reader:
            assert reader is not None
            time.sleep(0.5)
            assert idle.execute(text("SELECT pg_sleep(0.3)")).all()
            run = direct.finish(run.id)
            assert idle.execute(text("SELECT 1")).all()
    finally:
        direct.close()
    assert (run.phase, run.error) == (Phase.COMPLETED, None)


def test_frozen_producer_loses_its_run_to_another(target_url: str, tmp_path: Path) -> None:
    path = tmp_path / "frozen.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    settings = Settings(
        snapshot_dir=tmp_path / "snapshots",
        report_dir=tmp_path / "reports",
        embedded_dir=tmp_path / "postgres",
        silence_seconds=3.0,
        _env_file=None,
    )
    ledger = open_ledger(target_url, "test")
    with LocalCluster(target=target_url, workers=1, settings=settings) as cluster:
        cluster.wait_ready()
        first = cluster.pids["producer"]
        run_id = create_run(
            ledger, RunOptions(sources=(Source("frozen", str(path)),), target_schema="frozen")
        )
        with psycopg.connect(target_url) as blocker, psycopg.connect(target_url, autocommit=True) as eye:
            # It waits for the run's row, inside its transition, when it is frozen.
            blocker.execute("SELECT FROM convoy.runs WHERE id = %s FOR UPDATE", (run_id,))
            queue = make_app(settings.model_copy(update={"broker_url": cluster.broker_url}))
            send_advance(queue, run_id)
            queue.close()
            waits = (
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE %s"
            )
            deadline = time.monotonic() + 30
            while not eye.execute(waits, (f"convoy producer%:{first}",)).fetchone():
                seen = eye.execute(
                    "SELECT application_name, state, wait_event FROM pg_stat_activity"
                ).fetchall()
                assert time.monotonic() < deadline, seen
                time.sleep(0.05)
            os.kill(first, signal.SIGSTOP)
        try:
            second = replace(
                cluster._programs["producer"],
                name="producer2",
                log=tmp_path / "producer2.log",
                fork=tuple(
                    part.replace("producer-", "producer2-")
                    for part in cluster._programs["producer"].fork or ()
                ),
                argv=[part.replace("producer-", "producer2-") for part in cluster._programs["producer"].argv],
            )
            cluster._start(second)
            deadline = time.monotonic() + 90
            while not find_run(ledger, run_id).phase.is_end:
                assert time.monotonic() < deadline, find_run(ledger, run_id).phase
                time.sleep(0.1)
        finally:
            os.kill(first, signal.SIGCONT)
        ended = find_run(ledger, run_id)
        assert (ended.phase, ended.error) == (Phase.COMPLETED, None)
        time.sleep(1)
        assert complaints(ledger, run_id) == []
        with ledger.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM frozen.t")).scalar_one() == 2
    ledger.dispose()
