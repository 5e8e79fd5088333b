"""Workers on hosts that share no disk: one host dies in mid-run, or loses its way to the stage."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bench.judge import judge
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import RunRecord, create_run, find_run
from migration.model import Phase, Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from tests.support.api import TOKEN
from tests.support.ledger_consistency import complaints
from tests.support.separate_hosts import SeparateHosts, may_make_namespaces
from tests.support.stages import BUCKET, serve_s3

ROWS = 100_000
CHUNK_ROWS = 2_500
PATIENCE_SECONDS = 240
IS_LONG = bool(os.environ.get("CONVOY_CHAOS"))
PLACES = ("best", "loopback", "s3") if IS_LONG else ("best",)
"""Namespaces where this user may make them, else as `loopback`; S3 instead of the API."""
CUTS = ("refuse", "swallow") if IS_LONG else ("refuse",)


class Scene:
    """A run on two hosts, slow enough to be disturbed in the middle."""

    def __init__(self, cluster: SeparateHosts, ledger: Engine, source: Path, url: str) -> None:
        self.cluster = cluster
        self.ledger = ledger
        self.source = source
        self.url = url
        options = RunOptions(
            sources=(Source("apart", str(source)),),
            target_schema="apart",
            chunk_rows=CHUNK_ROWS,
            batch_rows=20,
            workers=cluster.workers,
        )
        self.run_id = create_run(ledger, options)
        queue = make_app(cluster.settings.model_copy(update={"broker_url": cluster.broker_url}))
        send_advance(queue, self.run_id)
        queue.close()

    def run(self) -> RunRecord:
        return find_run(self.ledger, self.run_id)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            run = self.run()
            assert time.monotonic() < deadline, (
                f"no {what}: the run is {run.phase}; logs: {self.cluster.logs}"
            )
            time.sleep(0.05)

    def done(self) -> dict[int, tuple[str, object]]:
        """Return chunk id → (host, finished at) of the copied chunks."""
        statement = (
            "SELECT chunk_id, split_part(split_part(worker, ':', 1), '@', 2) AS host, finished_at"
            " FROM convoy.steps WHERE run_id = :run AND phase = 'copying' AND state = 'done'"
        )
        with self.ledger.connect() as connection:
            rows = connection.execute(text(statement), {"run": self.run_id})
            return {row.chunk_id: (row.host, row.finished_at) for row in rows}

    def assert_equal(self) -> None:
        self.wait_until(lambda: self.run().phase.is_end, "end")
        run = self.run()
        assert (run.phase, run.error) == (Phase.COMPLETED, None)
        verdict = judge(self.source, self.url, {})
        assert (verdict.rows_equal, verdict.problems) == (ROWS, ())
        assert complaints(self.ledger, self.run_id) == []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "first" / "apart.db"
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, price REAL)")
        rows = ((number, "x" * 300 + str(number), number / 7) for number in range(ROWS))
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        connection.commit()
    return path


@pytest.fixture
def ledger(target_url: str) -> Iterator[Engine]:
    engine = open_ledger(target_url, "test")
    yield engine
    engine.dispose()


@pytest.fixture(params=PLACES)
def cluster(
    request: pytest.FixtureRequest, target_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SeparateHosts]:
    apart = request.param == "best" and may_make_namespaces()
    settings = Settings(
        api_token=TOKEN,
        target_url=target_url,
        embedded_dir=tmp_path / "postgres",
        _env_file=None,
    )
    hosts = {
        "target": target_url,
        "folder": tmp_path,
        "children": 2,
        "settings": settings,
        "namespaces": apart,
    }
    if request.param != "s3":
        with SeparateHosts(**hosts) as cluster:
            cluster.wait_ready()
            yield cluster
        return
    with serve_s3(monkeypatch) as port:
        url = f"s3://{BUCKET}/{tmp_path.name}"
        stage = (port, lambda address: (url, {"AWS_ENDPOINT_URL": f"http://{address}"}))
        with SeparateHosts(**hosts, stage=stage) as cluster:
            cluster.wait_ready()
            yield cluster


def test_host_that_dies_in_mid_run_is_no_loss(
    cluster: SeparateHosts, ledger: Engine, source: Path, target_url: str
) -> None:
    scene = Scene(cluster, ledger, source, target_url)
    scene.wait_until(lambda: len({host for host, _ in scene.done().values()}) == 2, "chunks of both hosts")
    cluster.kill("b")
    before = scene.done()
    assert scene.run().phase is Phase.COPYING
    scene.assert_equal()
    after = scene.done()
    assert {chunk: after[chunk] for chunk in before} == before  # nothing was copied again
    for name, host in cluster.hosts.items():
        assert cluster.log_of(name).count("Fetched the snapshot") == 1
        assert len(list(host.snapshots.glob("*.sqlite"))) == 1
        assert host.stage.answered < 1.1 * source.stat().st_size


@pytest.mark.parametrize("cut", CUTS)
def test_host_that_loses_the_stage_leaves_the_work_to_others_and_comes_back(
    cluster: SeparateHosts, ledger: Engine, source: Path, target_url: str, cut: str
) -> None:
    half = source.stat().st_size // 2
    lost = cluster.hosts["b"]
    lost.stage.cut_after(half, cut)
    scene = Scene(cluster, ledger, source, target_url)
    scene.wait_until(lambda: lost.stage.mode == cut, "cut")
    scene.wait_until(lambda: len(scene.done()) >= 3, "chunks of the other host")
    assert {host for host, _ in scene.done().values()} == {"a"}
    assert scene.run().phase is Phase.COPYING
    lost.stage.set("forward")
    scene.assert_equal()
    assert lost.stage.answered < 1.4 * source.stat().st_size  # it went on where it had stopped
    assert read_progress(ledger, scene.run_id).waits == ()
