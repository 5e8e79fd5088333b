"""Two checkouts of Convoy in turn on warm clusters of their own: is one of them slower than the other?

    python -m bench.checkout_turns ../before . --pairs 12

Runs of one checkout vary by a tenth on a shared machine, and by more from minute to minute. So both clusters stand
ready at the same time, their runs follow each other within seconds, each is first as often as second, and what is
printed is the median of the ratios of such pairs. Each checkout needs its own `.venv`, with the extra of the bench.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

# In the process that answers, these are of the checkout that is measured.
from bench.contender import Job
from bench.convoy import Convoy, ConvoyCluster
from bench.datasets import mixed
from bench.server import BenchServer


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "checkouts", nargs="*", type=Path, help="the folders of two checkouts, the older first"
    )
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--unproved", action="store_true", help="without validation")
    parser.add_argument("--rows", type=int, default=2_000_000, help="of `mixed`")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"), metavar="DIR")
    parser.add_argument("--source", type=Path, help="a SQLite file to migrate in the place of `mixed`")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.answer:
        _answer(options)
        return 0
    if len(options.checkouts) != 2:
        parser.error("name two checkouts")
    source = (options.source or mixed(options.rows).build(options.cache)).absolute()
    more = [
        "--answer",
        "--source",
        str(source),
        "--workers",
        str(options.workers),
        "--rows",
        str(options.rows),
    ]
    more += ["--unproved"] if options.unproved else []
    with ExitStack() as stack:
        clusters = [stack.enter_context(_cluster(checkout, more)) for checkout in options.checkouts]
        runs = list(_in_turn(clusters, options.pairs))
    _print(options.checkouts, runs)
    return 0


def _in_turn(clusters: list[subprocess.Popen[str]], pairs: int) -> Iterator[list[dict[str, Any]]]:
    for number in range(pairs):
        order = [0, 1] if number % 2 == 0 else [1, 0]
        pair = {place: _ask(clusters[place]) for place in order}
        print(f"{number + 1:3}  {pair[0]['seconds']:.2f} s  {pair[1]['seconds']:.2f} s", flush=True)
        yield [pair[0], pair[1]]


def _print(checkouts: list[Path], runs: list[list[dict[str, Any]]]) -> None:
    ratios = [after["seconds"] / before["seconds"] for before, after in runs]
    sums = [sum(pair[place]["seconds"] for pair in runs) for place in (0, 1)]
    print(
        f"\nmedian of the ratios {statistics.median(ratios):.3f}, ratio of the sums {sums[1] / sums[0]:.3f}"
    )
    for place, checkout in enumerate(checkouts):
        each = [pair[place] for pair in runs]
        for kind in ("cpu", "phases"):
            medians = {
                name: round(statistics.median(run[kind].get(name, 0.0) for run in each), 2)
                for name in each[0][kind]
            }
            print(f"{checkout.name or checkout.absolute().name}: {kind} {medians}")


@contextmanager
def _cluster(checkout: Path, more: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a checkout's own cluster, which runs each time that it is sent a line."""
    root = checkout.absolute()
    with subprocess.Popen(
        [root / ".venv/bin/python", __file__, *more],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _ask(process)
            yield process
        finally:
            if process.stdin is not None:
                process.stdin.close()


def _ask(process: subprocess.Popen[str]) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the cluster has no pipes")
    process.stdin.write("run\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError("a cluster has ended before it answered")
    return dict(json.loads(answer))


def _answer(options: argparse.Namespace) -> None:
    """Run once for each line of the standard input; the first run warms the cluster up."""
    answers, sys.stdout = sys.stdout, sys.stderr
    with (
        BenchServer() as server,
        tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder,
        ConvoyCluster(server, Path(folder), options.source, options.workers) as cluster,
    ):
        contender = Convoy(cluster, proved=not options.unproved)
        run_id = cluster.start()
        cluster.wait(run_id)
        job = Job(mixed(options.rows), options.source, server, Path(folder))
        job = cluster.describe(job, run_id)
        for _ in sys.stdin:
            measured = contender.run(job)
            answer = {
                "seconds": measured.seconds,
                "cpu": {**measured.cpu_by_process, "server": measured.server_cpu_seconds},
                "phases": measured.phases,
            }
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.exit(main())
