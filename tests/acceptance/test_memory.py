"""Memory is bounded by the batch, not by the table (FIELD 13): peaks of real processes, as the kernel has seen them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from migration.ledger.ledger_database import open_ledger
from migration.model import Phase
from migration.queue import make_app
from migration.settings import Settings
from migration.validation.row_digest import GATHERED_BYTES
from migration.value_conversion.batch_size import BATCH_BYTES
from producer.embedded.embedded_cluster import LocalCluster
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no peaks")

ONE_CHUNK = 10_000_000
"""Rows for each chunk: a chunk must not need memory for all of it either."""
MEGABYTE = 1 << 20


@pytest.fixture
def fresh(target_url: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A cluster that has migrated nothing yet, with one worker: peaks never fall."""
    settings = Settings(
        snapshot_dir=tmp_path / "snapshots",
        report_dir=tmp_path / "reports",
        embedded_dir=tmp_path / "postgres",
        _env_file=None,
    )
    with LocalCluster(target=target_url, workers=1, settings=settings) as cluster:
        cluster.wait_ready()
        ledger = open_ledger(target_url, "test")
        queue = make_app(settings.model_copy(update={"broker_url": cluster.broker_url}))
        yield Pipeline(cluster, target_url, ledger, queue)
        queue.close()
        ledger.dispose()


def _peak_bytes(process: psutil.Process) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _peaks(pipeline: Pipeline) -> dict[str, int]:
    """Return the largest peak of the producer's processes, and of the worker's."""
    peaks = {}
    for name in ("producer", "worker1"):
        parent = psutil.Process(pipeline.cluster.pids[name])
        peaks[name] = max(_peak_bytes(each) for each in (parent, *parent.children(recursive=True)))
    return peaks


def _table(path: Path, rows: int, value: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, number INTEGER, body)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO t SELECT i, i * 7, {value} FROM n",
            (rows,),
        )
        connection.commit()
    return path


MANY = "hex(randomblob(250))"
LONG = "randomblob(1000000)"


@pytest.mark.parametrize(
    ("rows", "value", "batch_rows", "most_growth"),
    [
        # Batches are of half a megabyte; the digest gathers 12 MB of them before it counts.
        pytest.param(40_000, MANY, 1_000, 2 * GATHERED_BYTES, id="many rows"),
        # Batches are of 4 MB: as read, as encoded, and in the buffers of the libraries.
        pytest.param(40, LONG, 4, 8 * 4 * MEGABYTE, id="long values"),
    ],
)
def test_peaks_do_not_grow_with_the_table(
    fresh: Pipeline, tmp_path: Path, rows: int, value: str, batch_rows: int, most_growth: int
) -> None:
    small = _table(tmp_path / "small.db", rows, value)
    large = _table(tmp_path / "large.db", rows * 5, value)
    more_data = large.stat().st_size - small.stat().st_size
    assert more_data > 2 * most_growth  # or else nothing would be shown
    asked = {"chunk_rows": ONE_CHUNK, "batch_rows": batch_rows}
    assert fresh.migrate(small, **asked).phase is Phase.COMPLETED
    before = _peaks(fresh)
    assert fresh.migrate(large, **asked).phase is Phase.COMPLETED
    growth = {name: peak - before[name] for name, peak in _peaks(fresh).items()}
    assert max(growth.values()) < most_growth, (growth, before)
    assert fresh.query("SELECT count(*) FROM large.t") == [(rows * 5,)]


def test_long_values_cut_the_batch_that_was_asked_for(fresh: Pipeline, tmp_path: Path) -> None:
    """300 rows of 1 MB would be one batch; as read and as encoded it would be held twice at least."""
    assert fresh.migrate(_table(tmp_path / "small.db", 1, LONG)).phase is Phase.COMPLETED
    before = _peaks(fresh)
    large = _table(tmp_path / "large.db", 300, LONG)
    assert fresh.migrate(large, chunk_rows=ONE_CHUNK, batch_rows=1_000).phase is Phase.COMPLETED
    growth = {name: peak - before[name] for name, peak in _peaks(fresh).items()}
    assert max(growth.values()) < 8 * BATCH_BYTES, (growth, before)
    assert large.stat().st_size > 8 * BATCH_BYTES
