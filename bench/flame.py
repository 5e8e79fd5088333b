"""Where the time goes: samples of the workers by py-spy as a flame graph, and the server's own count of statements.

python -m bench.flame --rows 2000000 --out bench/flame.svg
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.convoy import DATABASE, ConvoyCluster
from bench.datasets import mixed
from bench.server import BenchServer, MissingProgramError
from bench.venv import private_venv

PY_SPY_VERSION = "0.4.3"
_SAMPLES_PER_SECOND = 200
_STATEMENTS = 12
_FRAMES = 25
_EXTENSION = "pg_stat_statements"
# One line for all statements that begin alike; a COPY's time holds what it waits for its client.
_SERVERS_COUNT = f"""
    SELECT sum(total_exec_time) / 1000, sum(calls),
           left(regexp_replace(query, '\\s+|convoy_[0-9a-f]+_', ' ', 'g'), 60)
    FROM {_EXTENSION} GROUP BY 3 ORDER BY 1 DESC LIMIT {_STATEMENTS}
"""
_IDLE = "Condition.wait"  # the thread that shows signs of life
# With the path of this machine's Python in it.
_PROCESS = re.compile(r'process (\d+):("|&quot;).*?\2')


@contextmanager
def _sampled(py_spy: Path, pid: int, kind: str, out: Path) -> Iterator[None]:
    """Sample a process and its children while the block runs; `kind` is one of py-spy's formats."""
    what = ["record", "--pid", str(pid), "--subprocesses", "--function", "--rate", str(_SAMPLES_PER_SECOND)]
    command: list[str | Path] = [py_spy, *what, "--format", kind, "--output", str(out)]
    watching = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=60)
    if not out.exists():
        raise RuntimeError(f"py-spy has recorded nothing: {said.decode(errors='replace')[-300:]}")
    drawn = out.read_text(encoding="utf-8").replace(" ".join(map(str, command)), "Workers at work")
    out.write_text(_PROCESS.sub(r"worker \1", drawn), encoding="utf-8")


def _print_frames(folded: Path) -> None:
    """Print the functions in which most samples were taken."""
    own: Counter[str] = Counter()
    for line in folded.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        frame = stack.rpartition(";")[2]
        if not frame.startswith(_IDLE):
            own[frame] += int(count)
    total = own.total()
    print(f"{total / _SAMPLES_PER_SECOND:.1f} s of workers at work, of which in")
    for frame, samples in own.most_common(_FRAMES):
        print(f"{samples / _SAMPLES_PER_SECOND:8.2f} s {100 * samples / total:5.1f} %  {frame}")


def main(arguments: list[str] | None = None) -> int:
    """Migrate `mixed` on a warm cluster, twice sampled, and print and draw where the time went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(".cache/bench"))
    parser.add_argument("--out", type=Path, default=Path("bench/flame.svg"))
    options = parser.parse_args(arguments)
    source = mixed(options.rows).build(options.cache)
    try:
        py_spy = (
            private_venv(options.cache, f"py-spy-{PY_SPY_VERSION}", [f"py-spy=={PY_SPY_VERSION}"]) / "py-spy"
        )
        with (
            BenchServer({"shared_preload_libraries": _EXTENSION}) as server,
            tempfile.TemporaryDirectory(prefix="convoy-bench-") as name,
            ConvoyCluster(server, Path(name), source, options.workers) as cluster,
        ):
            cluster.wait(cluster.start())  # warms up
            with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
                connection.execute(f"CREATE EXTENSION {_EXTENSION}")
                for kind, out in (("raw", Path(name) / "folded"), ("flamegraph", options.out)):
                    cluster.forget_runs()
                    connection.execute(f"SELECT {_EXTENSION}_reset()")
                    with _sampled(py_spy, cluster.pids["worker1"], kind, out):
                        cluster.wait(cluster.start())
                _print_frames(Path(name) / "folded")
                print("and of the server, in")
                for seconds, calls, query in connection.execute(_SERVERS_COUNT):
                    print(f"{seconds:8.2f} s {calls:7} x  {query}")
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
    else:
        print(f"Drawn to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
