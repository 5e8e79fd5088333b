"""Everything side by side: each contender brings each data set over, in turn, several times, on one server."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import psutil
from rich.console import Console
from rich.table import Table

from bench.contender import Contender, Job, Measured
from bench.convoy import Convoy, ConvoyCluster
from bench.database_recipe import DataSet
from bench.datasets import data_sets, find_chinook
from bench.goals import judge, measure_start
from bench.peers import peers
from bench.plot import plot
from bench.processes import FailedError
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
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
        folder = Path(name)
        job = Job(data, source, server, folder)
        with ConvoyCluster(server, folder, source, options.workers, options.batch_size) as cluster:
            first = cluster.start()
            cluster.wait(first)  # warms everything up, and makes the tables that the others are given
            job = cluster.describe(job, first)
            contenders: list[Contender] = [Convoy(cluster), Convoy(cluster, proved=False), *found]
            measured: dict[str, list[Measured]] = {}
            failed: dict[str, str] = {}
            for contender in contenders:
                _try(contender, failed, lambda c=contender: c.prepare(job))
            for number in range(1, options.repeat + 1):
                for contender in in_turn(contenders, number):
                    if contender.name in failed:
                        continue
                    run = _try(contender, failed, lambda c=contender: c.run(job))
                    if run is not None:
                        measured.setdefault(contender.name, []).append(run)
                        print(f"  {number}: {contender.name} {run.seconds:.2f} s", flush=True)
            rows = sum(table[2] for table in job.tables)
    return {
        "what": data.what,
        "rows": rows,
        "tables": len(job.tables),
        "sqlite_bytes": source.stat().st_size,
        "contenders": {
            name: _summary(runs, rows, source.stat().st_size)
            for name, runs in measured.items()
            if name not in failed
        },
        "failed": failed,
        "work": {contender.name: contender.work for contender in contenders},
    }


def in_turn(contenders: Sequence[T], number: int) -> Sequence[T]:
    """Return the order of a round, every second one backwards, so that nobody always comes after the same.

    Memory that a virtual machine has given back to its host is slow at the next touch: the first after the others'
    minutes took up to a half longer than the second, which does less of the same.
    """
    return contenders if number % 2 else contenders[::-1]


def _try(contender: Contender, failed: dict[str, str], action: Any) -> Any:
    if contender.name in failed:
        return None
    try:
        return action()
    except FailedError as error:
        failed[contender.name] = str(error)
        print(f"  {contender.name} failed: {_reason(str(error))}", flush=True)
        return None


def _reason(said: str) -> str:
    """Return the line that says why a program failed: of pgloader's runtime, the one after `fatal error`."""
    lines = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
    fatal = next((after for line, after in pairwise(lines) if line.startswith("fatal error")), None)
    return fatal or lines[-1]


def _summary(runs: Sequence[Measured], rows: int, source_bytes: int) -> dict[str, Any]:
    seconds = statistics.median(run.seconds for run in runs)
    kinds = sorted({kind for run in runs for kind in run.peak_bytes})
    phases = list(runs[0].phases)
    return {
        "seconds": round(seconds, 3),
        "seconds_all": [round(run.seconds, 3) for run in runs],
        "rows_per_second": round(rows / seconds),
        "megabytes_per_second": round(source_bytes / seconds / 1e6, 1),
        "client_cpu_seconds": round(statistics.median(run.client_cpu_seconds for run in runs), 3),
        "server_cpu_seconds": round(statistics.median(run.server_cpu_seconds for run in runs), 3),
        "rows_in_target": runs[-1].rows,
        "peak_bytes": {kind: max(run.peak_bytes.get(kind, 0) for run in runs) for kind in kinds},
        "phases_seconds": {
            phase: round(statistics.median(run.phases[phase] for run in runs), 3) for phase in phases
        },
        "runs": [asdict(run) for run in runs],
    }


def show(name: str, result: dict[str, Any], console: Console) -> None:
    """Print one data set's results; ratios are of seconds, against Convoy's whole run."""
    table = Table(title=f"{name}: {result['what']}", title_justify="left", box=None, pad_edge=False)
    for column in ("", "seconds", "x Convoy", "rows/s", "MB/s", "client CPU s", "server CPU s", "peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    whole = result["contenders"].get("Convoy", {}).get("seconds")

    def line(label: str, seconds: float, one: dict[str, Any] | None) -> None:
        ratio = f"{seconds / whole:.2f}" if whole else ""
        speed = (f"{result['rows'] / seconds:,.0f}", f"{result['sqlite_bytes'] / seconds / 1e6:.1f}")
        rest = ("", "", "")
        if one is not None:
            peak = max(one["peak_bytes"].values(), default=0) / 1e6
            rest = (f"{one['client_cpu_seconds']:.2f}", f"{one['server_cpu_seconds']:.2f}", f"{peak:.0f}")
        short = one is not None and one["rows_in_target"] != result["rows"]
        table.add_row(label + (" (lost rows)" if short else ""), f"{seconds:.2f}", ratio, *speed, *rest)

    for contender, one in result["contenders"].items():
        line(contender, one["seconds"], one)
        if contender == "Convoy":
            line("  its copy phase alone", one["phases_seconds"]["copying"], None)
    console.print(table)
    for contender, why in result["failed"].items():
        console.print(f"{contender}: failed: {_reason(why)}", markup=False)
    console.print()


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Convoy beside what a user would pick instead.")
    parser.add_argument("--full", action="store_true", help="the sizes of docs/scaling.md; takes an hour")
    parser.add_argument("--only", default="", metavar="A,B", help="only these data sets")
    parser.add_argument("--peers", default="", metavar="A,B", help="only peers whose names hold one of these")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, metavar="ROWS", help="as the command line has it")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured")
    parser.add_argument("--chinook", type=Path, default=find_chinook(), metavar="FILE")
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
    wanted = [part for part in options.only.split(",") if part]
    chosen = [
        d for d in data_sets(full=options.full, chinook=options.chinook) if not wanted or d.name in wanted
    ]
    if options.chinook is None:
        print("Skipped: chinook, which is not beside the checkout (--chinook FILE names it).")
    found, skipped = peers(options.cache, [part for part in options.peers.split(",") if part])
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
                show(data.name, results[data.name], console)
                _write(options.out, {**written, "data_sets": results})  # should it be stopped on its way
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
        return 0
    starts = measure_start(options.chinook, options.repeat)
    goals = judge(results, starts)
    picture = _write(options.out, {**written, "data_sets": results, "starts": starts, "goals": goals})
    for goal in goals:
        mark = {True: "met", False: "missed", None: "not measured"}[goal["met"]]
        console.print(f"{mark:13}{goal['goal']}: {goal['value']}", markup=False)
    print(f"Written to {options.out} and {picture}.")
    return 0


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


def _write(file: Path, results: dict[str, Any]) -> Path:
    """Write results, and their plot beside them; return the plot."""
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    picture = file.with_suffix(".svg")
    picture.write_text(plot(results), encoding="utf-8")
    return picture


if __name__ == "__main__":
    sys.exit(main())
