"""Many runs on one cluster: do small ones wait behind a big one, and what do producer and API hold meanwhile?

Small runs are started while the big one copies: all at once, and one each second. Seconds are from a run's request to
its end. Thirty at once need the processors for longer than one of them, with or without a big run, so they stand beside
thirty without it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from bench.convoy import ConvoyCluster
from bench.datasets import mixed
from bench.processes import MemoryWatch
from bench.server import BenchServer, MissingProgramError

_ALONE = 5
_CHUNKS = 10_000
_ROWS_OF_A_CHUNK = 20
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class _Ended:
    """Seconds from request to end, in the order in which the runs were asked for."""

    seconds: list[float]

    def sentence(self) -> str:
        return (
            f"median {statistics.median(self.seconds):5.2f} s, first to end {min(self.seconds):.2f} s,"
            f" last {max(self.seconds):.2f} s"
        )


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=30, help="small runs")
    parser.add_argument("--small-rows", type=int, default=1_800)
    parser.add_argument("--big-rows", type=int, default=4_000_000)
    parser.add_argument("--memory-runs", type=int, default=200, help="runs at once while memory is watched")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"), metavar="DIR")
    options = parser.parse_args(arguments)
    big = mixed(options.big_rows).build(options.cache)
    small = mixed(options.small_rows).build(options.cache).name
    many = mixed(_CHUNKS * _ROWS_OF_A_CHUNK).build(options.cache).name
    try:
        with (
            BenchServer() as server,
            tempfile.TemporaryDirectory(prefix="convoy-bench-") as name,
            ConvoyCluster(server, Path(name), big, options.workers) as cluster,
        ):
            _small_behind_big(cluster, small, options.small)
            _memory(cluster, small, many, options.memory_runs)
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
    return 0


def _small_behind_big(cluster: ConvoyCluster, small: str, count: int) -> None:
    cluster.wait(cluster.start(small, target_schema="warm"))
    alone = []
    for number in range(_ALONE):
        run_id = cluster.start(small, target_schema=f"alone_{number}")
        cluster.wait(run_id)
        alone += _ended(cluster, [run_id]).seconds
    one = statistics.median(alone)
    print(f"A small run alone:          median {one:5.2f} s of {_ALONE}")
    together = _at_once(cluster, small, count, "together")
    print(f"{count} of them, nothing else:   {together.sentence()}")
    run_id = cluster.start(target_schema="big")
    cluster.wait(run_id)
    print(f"The big run alone:          {_ended(cluster, [run_id]).seconds[0]:12.2f} s", flush=True)
    for spread in (0.0, 1.0):
        big_id = cluster.start(target_schema=f"big_{spread:.0f}")
        _wait_for_copying(cluster, big_id)
        behind = _at_once(cluster, small, count, f"behind_{spread:.0f}", spread)
        cluster.wait(big_id)
        how = "at once" if not spread else "one each second"
        print(
            f"{count} behind the big one, {how}: {behind.sentence()};"
            f" {statistics.median(behind.seconds) / one:.1f} times one alone,"
            f" {statistics.median(behind.seconds) / statistics.median(together.seconds):.1f} times as many alone;"
            f" the big one {_ended(cluster, [big_id]).seconds[0]:.2f} s",
            flush=True,
        )


def _at_once(
    cluster: ConvoyCluster, source: str, count: int, schema: str, spread_seconds: float = 0.0
) -> _Ended:
    """Start so many runs, each so long after the one before, and wait for all."""

    def start(number: int) -> str:
        time.sleep(number * spread_seconds)
        return cluster.start(source, target_schema=f"{schema}_{number}")

    with ThreadPoolExecutor(count if spread_seconds else 8) as pool:
        run_ids = list(pool.map(start, range(count)))
    for run_id in run_ids:
        cluster.wait(run_id)
    return _ended(cluster, run_ids)


def _ended(cluster: ConvoyCluster, run_ids: list[str]) -> _Ended:
    with psycopg.connect(cluster.url, row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT extract(epoch FROM finished_at - created_at)::float8 AS seconds FROM convoy.runs"
            " WHERE id = ANY(%s::uuid[]) ORDER BY created_at",
            [run_ids],
        ).fetchall()
    return _Ended([row["seconds"] for row in rows])


def _wait_for_copying(cluster: ConvoyCluster, run_id: str) -> None:
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        while not connection.execute(
            "SELECT 1 FROM convoy.runs WHERE id = %s AND phase = 'copying'", [run_id]
        ).fetchone():
            time.sleep(0.02)


def _memory(cluster: ConvoyCluster, small: str, many: str, count: int) -> None:
    print("Peak memory of the process group, MiB:")
    for what, work in (
        ("one small run", lambda: _at_once(cluster, small, 1, "memory_one")),
        (f"{count} small runs at once", lambda: _at_once(cluster, small, count, "memory_many")),
        (f"{_CHUNKS:,} chunks in one run", lambda: _many_chunks(cluster, many)),
    ):
        with MemoryWatch({name: cluster.pids[name] for name in ("producer", "api")}) as memory:
            work()
        peaks = ", ".join(f"{name} {peak / _MIB:.0f}" for name, peak in memory.peaks.items())
        print(f"  {what:28} {peaks}", flush=True)


def _many_chunks(cluster: ConvoyCluster, source: str) -> None:
    cluster.wait(cluster.start(source, target_schema="memory_chunks", chunk_rows=_ROWS_OF_A_CHUNK))


if __name__ == "__main__":
    sys.exit(main())
