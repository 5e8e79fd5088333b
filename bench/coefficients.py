"""Coefficients of docs/scaling.md: CPU seconds of worker and server per megabyte and per chunk, phase by phase.

A migration is run in this process, the producer's transitions and the workers' steps without a broker, once with
large chunks and once with small ones: two equations for two unknowns. CPU seconds hold on a busy machine as well.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from pydantic import SecretStr
from sqlalchemy import Engine

from bench.database_recipe import DataSet
from bench.datasets import data_sets, mixed
from bench.model import Coefficients, print_model
from bench.processes import cpu_seconds
from bench.server import BenchServer, MissingProgramError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run, find_run
from migration.ledger.step_records import take_unsent
from migration.model import IfExists, Phase, Source
from migration.run_options import RunOptions
from migration.settings import Settings
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_step
from producer.transitions.phase_transitions import move_on
from producer.transitions.transition_context import TransitionContext

_ALL_STEPS = 1_000_000


@dataclass(slots=True)
class Used:
    """CPU seconds of one phase."""

    steps: int = 0
    worker: float = 0.0
    server: float = 0.0
    producer: float = 0.0
    """Of the transition that follows."""


class Cluster:
    """Producer and worker in this process."""

    def __init__(self, server: BenchServer, folder: Path) -> None:
        self._server = server
        url = server.url("bench")
        settings = Settings(target_url=SecretStr(url), snapshot_dir=folder, _env_file=None)  # type: ignore[call-arg]
        self._engine: Engine = open_ledger(url)
        self._workspace = TransitionContext(self._engine, url, settings)
        self._context = StepContext(settings, "bench")
        self.bytes_sent = 0

    def close(self) -> None:
        """Close all connections."""
        self._context.close()
        self._engine.dispose()

    def migrate(self, source: Path, chunk_rows: int | None) -> dict[Phase, Used]:
        """Run one migration and return what its phases have used."""
        options = RunOptions(
            sources=(Source("bench", str(source)),), if_exists=IfExists.REPLACE, chunk_rows=chunk_rows
        )
        run_id = create_run(self._engine, options)
        used: dict[Phase, Used] = {}
        while not (run := find_run(self._engine, run_id)).phase.is_end:
            spent = used[run.phase] = Used()
            spent.worker, server = self._timed(partial(self._work, run_id, run.phase, spent))
            spent.producer, more = self._timed(partial(move_on, self._workspace, run))
            spent.server = server + more
        with self._engine.connect() as connection:
            self.bytes_sent = connection.exec_driver_sql(
                "SELECT sum((result->>'bytes_sent')::float8) FROM convoy.steps WHERE run_id = %s AND phase = 'copying'",
                (run_id,),
            ).scalar_one()
        return used

    def _timed(self, work: Callable[[], object]) -> tuple[float, float]:
        client, server = time.process_time(), cpu_seconds(self._server.pid)
        work()
        return time.process_time() - client, cpu_seconds(self._server.pid) - server

    def _work(self, run_id: str, phase: Phase, spent: Used) -> None:
        while True:
            with self._engine.begin() as connection:
                waiting = take_unsent(connection, run_id, phase, _ALL_STEPS)
            if not waiting:
                return
            for step in waiting:
                if not run_step(self._context, step.id):
                    raise RuntimeError(f"step {step.id} of {phase} was not done")
            spent.steps += len(waiting)


def measure(data: DataSet, cache: Path, small_chunk_rows: int) -> Coefficients:
    """Return the coefficients of a data set of one table."""
    source = data.build(cache)
    with BenchServer() as server, tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        cluster = Cluster(server, Path(name))
        try:
            cluster.migrate(source, None)  # warms up
            large = cluster.migrate(source, None)
            small = cluster.migrate(source, small_chunk_rows)
            sent = cluster.bytes_sent
        finally:
            cluster.close()
    megabytes = source.stat().st_size / 1e6
    chunks = small[Phase.COPYING].steps - large[Phase.COPYING].steps
    working = (Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING)
    print(f"{data.name}: {data.what}, {megabytes:.0f} MB")
    print(
        f"{'phase':12}{'worker ms/MB':>14}{'server ms/MB':>14}{'worker ms/chunk':>17}{'server ms/chunk':>17}"
    )
    per_mb, per_chunk = [0.0, 0.0], [0.0, 0.0]
    for phase in working:
        mb = (large[phase].worker / megabytes, large[phase].server / megabytes)
        chunk = (
            (small[phase].worker - large[phase].worker) / chunks,
            (small[phase].server - large[phase].server) / chunks,
        )
        for side in (0, 1):
            per_mb[side] += mb[side]
            per_chunk[side] += max(0.0, chunk[side])
        shown = [1000 * value for value in (*mb, *chunk)]
        print(f"{phase.value:12}{shown[0]:14.1f}{shown[1]:14.1f}{shown[2]:17.2f}{shown[3]:17.2f}")
    transitions = (Phase.SNAPSHOTTING, Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING)
    producer = sum(small[phase].producer - large[phase].producer for phase in transitions) / chunks
    snapshot = large[Phase.SNAPSHOTTING].producer / megabytes
    print(f"producer: {1000 * snapshot:.1f} ms/MB for the snapshot, {1000 * max(0.0, producer):.2f} ms/chunk")
    print(f"network: {sent / megabytes / 1e6:.2f} bytes sent for a byte of SQLite, and as many read back")
    return Coefficients(
        per_mb[0],
        per_mb[1],
        per_chunk[0],
        per_chunk[1],
        snapshot,
        max(0.0, producer),
        2 * sent / megabytes / 1e6,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the coefficients, and the model that follows from them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--small-chunk-rows", type=int, default=200)
    parser.add_argument("--data", default="", help="another data set than mixed")
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"), metavar="DIR")
    options = parser.parse_args(arguments)
    data = mixed(options.rows)
    if options.data:
        data = next(d for d in data_sets(full=False, chinook=None) if d.name == options.data)
    try:
        found = measure(data, options.cache, options.small_chunk_rows)
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
        return 0
    print_model(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
