"""What chunks cost on a running cluster: one table in 1,000, 10,000 or 100,000 of them, and Celery's share of that.

A worker's main process does nothing but Celery: messages, acknowledgements, events. To it comes what its children take
for each message, chords included, which `bench.queue_cost` measures with messages that carry no work.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from bench.convoy import ConvoyCluster
from bench.database_recipe import DataSet
from bench.datasets import mixed
from bench.processes import cpu_seconds, own_cpu_seconds
from bench.server import BenchServer, MissingProgramError

_ROWS_OF_A_CHUNK = 20


def main(arguments: list[str] | None = None) -> int:
    """Measure and print, for each number of chunks, wall seconds and CPU milliseconds per chunk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--chunks", default="1000,10000", metavar="N,N", help="how many chunks the table gets"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"), metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        for chunks in map(int, options.chunks.split(",")):
            _measure(mixed(chunks * _ROWS_OF_A_CHUNK), chunks, options.cache, options.workers)
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
    return 0


def _measure(data: DataSet, chunks: int, cache: Path, workers: int) -> None:
    source = data.build(cache)
    with (
        BenchServer() as server,
        tempfile.TemporaryDirectory(prefix="convoy-bench-") as name,
        ConvoyCluster(server, Path(name), source, workers) as cluster,
    ):
        cluster.wait(cluster.start())
        cluster.forget_runs()
        before = _cpu(server, cluster)
        started = time.perf_counter()
        run_id = cluster.start(chunk_rows=_ROWS_OF_A_CHUNK)
        cluster.wait(run_id)
        seconds = time.perf_counter() - started
        used = {name: spent - before[name] for name, spent in _cpu(server, cluster).items()}
        messages = _messages(cluster, run_id)
        phases = ", ".join(f"{phase} {spent:.1f}" for phase, spent in cluster.phases(run_id).items())
    print(f"{chunks:,} chunks of {_ROWS_OF_A_CHUNK} rows, {messages:,} messages: {seconds:.1f} s ({phases})")
    print("CPU per chunk, all phases:")
    for name, spent in used.items():
        print(f"  {name:22}{1000 * spent / chunks:7.2f} ms", flush=True)


def _cpu(server: BenchServer, cluster: ConvoyCluster) -> dict[str, float]:
    return {
        **cluster.cpu_seconds(),
        "worker1, main process": own_cpu_seconds(cluster.pids["worker1"]),
        "server": cpu_seconds(server.pid),
    }


def _messages(cluster: ConvoyCluster, run_id: str) -> int:
    with psycopg.connect(cluster.url) as connection:
        found = connection.execute(
            "SELECT sum((data->>'messages')::int) FROM convoy.events WHERE run_id = %s AND kind = 'sent'",
            [run_id],
        ).fetchone()
    return int(found[0]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
