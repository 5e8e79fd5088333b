"""Everything side by side: each contender brings each data set over, in turn, several times, on one server."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
from rich.console import Console

from bench.contender import Contender, Job, Measured
from bench.contender_names import UNPROVED
from bench.convoy import Convoy, ConvoyCluster
from bench.data_set_result import show, summary
from bench.database_recipe import DataSet
from bench.datasets import CHINOOK, data_sets, find_chinook
from bench.goals import judge, measure_start
from bench.peers import is_wanted, peers
from bench.plot import write_results
from bench.processes import FailedError, last_line
from bench.same_values import SameValues
from bench.server import SETTINGS, BenchServer, MissingProgramError

T = TypeVar("T")

_APT = ("pgloader", "postgresql", "postgresql-client")


def install_peers() -> None:
    """Install what Debian has of the peers, where this user may and it is missing."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    if shutil.which("pgloader") and Path("/usr/lib/postgresql").exists():
        return
    print(f"Installing {', '.join(_APT)} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", *_APT]):
        subprocess.run(["apt-get", *arguments], check=False, capture_output=True, env=environment)


def measure(
    data: DataSet, server: BenchServer, found: Sequence[Contender], options: argparse.Namespace
) -> dict[str, Any]:
    """Measure all contenders on one data set, in turn."""
    source = data.build(options.cache)
    started = time.monotonic()
    asked = [part for part in options.peers.split(",") if part]
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
        folder = Path(name)
        job = Job(data, source, server, folder)
        with ConvoyCluster(server, folder, source, options.workers, options.batch_size) as cluster:
            first = cluster.start()
            cluster.wait(first)  # warms everything up, and makes the tables that the others are given
            job = cluster.describe(job, first)
            unproved = [Convoy(cluster, proved=False)] if is_wanted(UNPROVED, asked) else []
            contenders: list[Contender] = [
                one
                for one in (Convoy(cluster), *unproved, *found)
                if not data.contenders or one.name in data.contenders
            ]
            values = SameValues(job)
            measured: dict[str, list[Measured]] = {}
            failed: dict[str, str] = {}
            for contender in contenders:
                _try(contender, failed, lambda c=contender: c.prepare(job))
            rows = sum(table[2] for table in job.tables)
            for number in range(1, options.repeat + 1):
                for contender in in_turn(contenders, number):
                    if contender.name in failed:
                        continue
                    run = _try(contender, failed, lambda c=contender: _complete(c.run(job), rows))
                    if run is not None:
                        values.look_at(contender)
                        measured.setdefault(contender.name, []).append(run)
                        print(f"  {number}: {contender.name} {run.seconds:.2f} s", flush=True)
    return {
        "what": data.what,
        "rows": rows,
        "tables": len(job.tables),
        "sqlite_bytes": source.stat().st_size,
        "contenders": {
            name: summary(runs, rows, source.stat().st_size)
            for name, runs in measured.items()
            if name not in failed
        },
        "failed": failed,
        "same_values": values.found,
        "work": {contender.name: contender.work for contender in contenders},
        "how": {contender.name: contender.how for contender in contenders},
        "bench_seconds": round(time.monotonic() - started, 1),
    }


def in_turn(contenders: Sequence[T], number: int) -> Sequence[T]:
    """Return the order of a round, every second one backwards, so that nobody always comes after the same.

    Memory that a virtual machine has given back to its host is slow at the next touch: the first after the others'
    minutes took up to a half longer than the second, which does less of the same.
    """
    return contenders if number % 2 else contenders[::-1]


def _complete(run: Measured, rows: int) -> Measured:
    """Return the run; whoever does not bring all rows has not done the work."""
    if run.rows != rows:
        raise FailedError(f"{rows - run.rows:,} of {rows:,} rows did not arrive")
    return run


def _try(contender: Contender, failed: dict[str, str], action: Any) -> Any:
    if contender.name in failed:
        return None
    try:
        return action()
    except FailedError as error:
        failed[contender.name] = last_line(error)  # a traceback tells of this machine
        print(f"  {contender.name} failed: {last_line(error)}", flush=True)
        return None


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Convoy beside what a user would pick instead.")
    parser.add_argument(
        "--full", action="store_true", help="the sizes of docs/scaling.md; takes three quarters of an hour"
    )
    parser.add_argument(
        "--only", default="", metavar="A,B", help="only these data sets; `kind-` is all whose names begin so"
    )
    parser.add_argument(
        "--peers", default="", metavar="A,B", help="beside Convoy only those whose names hold one of these"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, metavar="ROWS", help="as the command line has it")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured")
    parser.add_argument("--chinook", type=Path, default=find_chinook(), metavar="FILE")
    parser.add_argument("--pgloader-jar", type=Path, metavar="FILE", help="pgloader v4, where you have it")
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("bench/results.json"), metavar="FILE")
    parser.add_argument(
        "--add", action="store_true", help="keep the data sets that FILE has and that are not measured now"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, judge, and write results and plot."""
    options = _arguments(arguments)
    # An exception, so that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(width=110)
    load = os.getloadavg()[0]
    if load > 1:
        print(f"This machine is busy (load {load:.1f}): compare ratios and CPU seconds only.", flush=True)
    install_peers()
    there = data_sets(full=options.full, chinook=options.chinook)
    chosen = chosen_of(there, [part for part in options.only.split(",") if part])
    if options.chinook is None:
        print("Skipped: chinook, which is not beside the checkout (--chinook FILE names it).")
    asked = [part for part in options.peers.split(",") if part]
    found, skipped = peers(options.cache, asked, options.pgloader_jar)
    for name, why in skipped.items():
        print(f"Skipped: {name}: {why}.")
    written = _kept(options) if options.add else {}
    results: dict[str, Any] = written.get("data_sets", {})
    try:
        with BenchServer() as server:
            written |= _conditions(options, server, skipped, load)
            for data in chosen:
                print(f"{data.name} ({data.what})", flush=True)
                results[data.name] = measure(data, server, found, options)
                results = in_order(results, there)
                show(data.name, results[data.name], console)
                write_results(
                    options.out, {**written, "data_sets": results}
                )  # should it be stopped on its way
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
        return 0
    starts = measure_start(options.chinook, options.repeat) if _with_starts(chosen, options) else {}
    starts = {**written.get("starts", {}), **starts}
    goals = judge(results, starts)
    picture = write_results(options.out, {**written, "data_sets": results, "starts": starts, "goals": goals})
    for goal in goals:
        mark = {True: "met", False: "missed", None: "not measured"}[goal["met"]]
        console.print(f"{mark:13}{goal['goal']}: {goal['value']}", markup=False)
    for name, result in results.items():
        print(f"{name:16}{result.get('bench_seconds', 0.0):8.0f} s in all")
    print(f"{'together':16}{sum(result.get('bench_seconds', 0.0) for result in results.values()):8.0f} s")
    print(f"Written to {options.out} and {picture}; python -m bench.result_words writes README's words.")
    return 0


def chosen_of(there: Sequence[DataSet], wanted: Sequence[str]) -> list[DataSet]:
    """Return the data sets that are asked for by name, or all by the beginning that they share and that ends in `-`."""
    return [
        data
        for data in there
        if not wanted
        or any(data.name == part or (part.endswith("-") and data.name.startswith(part)) for part in wanted)
    ]


def in_order(results: Mapping[str, Any], there: Sequence[DataSet]) -> dict[str, Any]:
    """Return results in the order in which data sets are measured, whichever portion came first."""
    order = {data.name: place for place, data in enumerate(there)}
    return dict(sorted(results.items(), key=lambda item: order.get(item[0], len(order))))


def _with_starts(chosen: Sequence[DataSet], options: argparse.Namespace) -> bool:
    """Whether starts are measured: beside the data set that they are of, and where all is measured."""
    return not options.only or any(data.name == CHINOOK for data in chosen)


def _kept(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the file of results has; nothing where it was measured otherwise than now."""
    if not options.out.exists():
        return {}
    found: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8"))
    asked = {"full": options.full, "workers": options.workers, "batch_rows": options.batch_size}
    return found if asked.items() <= found.items() else {}


def _conditions(
    options: argparse.Namespace, server: BenchServer, skipped: dict[str, str], load: float
) -> dict[str, Any]:
    return {
        "full": options.full,
        "machine": {
            "cpus": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
            "system": platform.system(),
            "python": platform.python_version(),
            "load_before": round(load, 2),
        },
        "server": {"version": server.version, "settings": SETTINGS},
        "workers": options.workers,
        "batch_rows": options.batch_size,
        "repeat": options.repeat,
        "skipped": skipped,
    }


if __name__ == "__main__":
    sys.exit(main())
