r"""How fast Convoy's workers copy, beside the server's own limit.

The limit is psql's `\copy` of a ready-made binary file over one connection into the same table: nothing is read from
SQLite there, nothing converted and nothing checked. Both are measured in turn on the same server, several times.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import Engine

from bench.datasets import MIXED_TABLE, mixed_database
from bench.memory import MemoryWatch
from bench.server import SETTINGS, BenchServer, MissingProgramError
from migration.ledger.events import read_events
from migration.ledger.runs import create_run, find_run
from migration.ledger.store import open_ledger
from migration.model import IfExists, Phase, RunOptions, Source
from migration.queue import make_app, send_advance
from migration.settings import Settings
from producer.local.cluster import LocalCluster

GOAL_RATIO = 1.3
GOAL_WORKER_BYTES = 400 * 10**6
_LIMIT_TABLE = "limit_of_the_server"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of Convoy: seconds by phase, the copying steps alone, and the workers' memory."""

    phases_seconds: dict[str, float]
    steps_seconds: float
    """From the first claim of a chunk to the commit of the last."""
    worker_peak_bytes: int
    workers_sum_bytes: int

    @property
    def copy_seconds(self) -> float:
        """Wall time of the phase `copying`, waiting for the queue included."""
        return self.phases_seconds[Phase.COPYING.value]


class Convoy:
    """A running cluster that migrates one file again and again."""

    def __init__(self, cluster: LocalCluster, source: Path, workers: int, batch_rows: int) -> None:
        self._cluster = cluster
        self._source = source
        self._workers = workers
        self._batch_rows = batch_rows
        self._engine: Engine = open_ledger(cluster.target_url)
        self._app = make_app(cluster.settings.model_copy(update={"broker_url": cluster.broker_url}))

    def close(self) -> None:
        """Close the connections to ledger and queue."""
        self._app.close()
        self._engine.dispose()

    def migrate(self) -> Measured:
        """Run one migration to its end.

        Raises:
            RuntimeError: it ended otherwise than proved equal.
        """
        options = RunOptions(
            sources=(Source("bench", str(self._source)),),
            if_exists=IfExists.REPLACE,
            workers=self._workers,
            batch_rows=self._batch_rows,
            target=self._cluster.target_url,
        )
        with MemoryWatch(self._cluster.pids["worker1"]) as memory:
            run_id = create_run(self._engine, options)
            send_advance(self._app, run_id)
            while not (run := find_run(self._engine, run_id)).phase.is_end:
                self._cluster.check(restart=False)
                time.sleep(0.2)
        if run.phase is not Phase.COMPLETED:
            raise RuntimeError(f"run {run_id} ended as {run.phase}: {run.error}")
        events = read_events(self._engine, run_id)
        entered = [(event.data["phase"], event.at) for event in events if event.kind == "phase"]
        phases = {phase: (after - at).total_seconds() for (phase, at), (_, after) in pairwise(entered)}
        with self._engine.connect() as connection:
            steps_seconds = connection.exec_driver_sql(
                "SELECT extract(epoch FROM max(finished_at) - min(claimed_at))::float8 FROM convoy.steps"
                " WHERE run_id = %s AND phase = 'copying'",
                (run_id,),
            ).scalar_one()
        return Measured(phases, steps_seconds, memory.largest_bytes, memory.sum_bytes)


def prepare_limit(server: BenchServer, database_url: str, file: Path) -> None:
    """Write Convoy's loaded table into a binary file, and make an empty table like it."""
    subprocess.run(
        [server.psql, database_url, "-qc", f"\\copy {MIXED_TABLE} to '{file}' (format binary)"], check=True
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {_LIMIT_TABLE} (LIKE {MIXED_TABLE})")


def measure_limit(server: BenchServer, database_url: str, file: Path) -> float:
    """Return the seconds that psql takes to load the ready-made file, its own start included."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {_LIMIT_TABLE}")
        connection.execute("CHECKPOINT")
    started = time.perf_counter()
    subprocess.run(
        [server.psql, database_url, "-qc", f"\\copy {_LIMIT_TABLE} from '{file}' (format binary)"], check=True
    )
    return time.perf_counter() - started


def forget_runs(database_url: str) -> None:
    """Drop the tables that earlier runs have put aside for rollback, and start from a clean disk."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        kept = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy\\_%\\_previous'"
        )
        for (schema,) in kept.fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        connection.execute("CHECKPOINT")


def measure(rows: int, workers: int, batch_rows: int, repeat: int, cache: Path) -> dict[str, Any]:
    """Measure both in turn and return the results as they are written to results.json."""
    source = mixed_database(
        cache, rows
    ).absolute()  # the processes of the cluster have working folders of their own
    with BenchServer() as server, tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        url = server.url("bench")
        settings = Settings(
            target_url=SecretStr(url),
            snapshot_dir=Path(folder) / "snapshots",
            report_dir=Path(folder) / "reports",
        )
        limits: list[float] = []
        runs: list[Measured] = []
        with LocalCluster(target=url, workers=workers, settings=settings) as cluster:
            cluster.wait_ready()
            convoy = Convoy(cluster, source, workers, batch_rows)
            try:
                convoy.migrate()  # warms everything up, and makes the table that the limit is measured with
                file = Path(folder) / "mixed.copy"
                prepare_limit(server, url, file)
                for number in range(1, repeat + 1):
                    limits.append(measure_limit(server, url, file))
                    forget_runs(url)
                    runs.append(convoy.migrate())
                    print(
                        f"  {number}: psql {limits[-1]:.2f} s, Convoy {runs[-1].copy_seconds:.2f} s",
                        flush=True,
                    )
            finally:
                convoy.close()
        return summarise(rows, source.stat().st_size, workers, server.version, limits, runs)


def summarise(
    rows: int, source_bytes: int, workers: int, server: str, limits: list[float], runs: list[Measured]
) -> dict[str, Any]:
    """Return medians, ratio and peaks, with all that is needed to judge them."""
    limit = statistics.median(limits)
    copying = statistics.median(run.copy_seconds for run in runs)
    phases = {
        phase: round(statistics.median(run.phases_seconds[phase] for run in runs), 3)
        for phase in runs[0].phases_seconds
    }
    return {
        "benchmark": "copy",
        "table": {"name": MIXED_TABLE, "rows": rows, "columns": 10, "sqlite_bytes": source_bytes},
        "machine": {
            "cpus": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "server": {"version": server, "settings": SETTINGS},
        "workers": workers,
        "psql_copy_seconds": {"median": round(limit, 3), "all": [round(seconds, 3) for seconds in limits]},
        "convoy_copy_seconds": {
            "median": round(copying, 3),
            "all": [round(run.copy_seconds, 3) for run in runs],
        },
        "convoy_rows_per_second": round(rows / copying),
        "ratio": round(copying / limit, 3),
        "goal_ratio": GOAL_RATIO,
        "worker_peak_bytes": max(run.worker_peak_bytes for run in runs),
        "workers_sum_bytes": max(run.workers_sum_bytes for run in runs),
        "goal_worker_bytes": GOAL_WORKER_BYTES,
        "phases_seconds": phases,
        "runs": [asdict(run) for run in runs],
    }


def _print_results(results: dict[str, Any]) -> None:
    lines = (
        ("psql, ready-made file, one connection", f"{results['psql_copy_seconds']['median']:.2f} s (median)"),
        (
            f"Convoy's copy phase, {results['workers']} workers",
            f"{results['convoy_copy_seconds']['median']:.2f} s (median)",
        ),
        ("ratio", f"{results['ratio']:.2f} (goal: at most {GOAL_RATIO})"),
        (
            "peak memory of a worker process",
            f"{results['worker_peak_bytes'] / 1e6:.0f} MB (goal: below {GOAL_WORKER_BYTES / 1e6:.0f} MB)",
        ),
    )
    for label, value in lines:
        print(f"{label:40}{value}")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(
        description="Measure the copy phase beside psql's \\copy of a ready-made file."
    )
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=RunOptions().batch_rows, metavar="ROWS")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured")
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("bench/results.json"), metavar="FILE")
    options = parser.parse_args(arguments)
    print(f"Copying {options.rows:,} rows of 10 mixed columns, {options.repeat} times each way:", flush=True)
    load = os.getloadavg()[0]
    if load > 1:
        print(
            f"  This machine is busy (load {load:.1f}), which makes all figures worse and uneven.", flush=True
        )
    try:
        results = measure(options.rows, options.workers, options.batch_size, options.repeat, options.cache)
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
        return 0
    results["batch_rows"] = options.batch_size
    results["machine"]["load_before"] = round(load, 2)
    options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    _print_results(results)
    print(f"Written to {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
