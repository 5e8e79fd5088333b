"""kill -9 of a random process at a random moment, again and again, through many runs.

`python -m tests.chaos.random_kills --kills 1000 --seed 1 --seconds 3600` goes on where an earlier call was cut off:
what each run saw is a line of the results, and counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from sqlalchemy import Engine

from migration.errors import BrokerError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run, find_run
from migration.ledger.run_requests import request_resume
from migration.model import Phase, Source
from migration.queue import send_advance
from migration.run_options import RunOptions
from tests.chaos.matrix import chaos_results
from tests.chaos.matrix.cell_play import UNSAFE_SECONDS
from tests.chaos.matrix.chaos_cluster import PATIENCE_SECONDS, ROLE, WORKERS, ChaosCluster
from tests.chaos.matrix.fault import Ending
from tests.chaos.matrix.judge import complaints_about
from tests.chaos.matrix.scene import CHUNK_ROWS, Scene, build_source

MOST_KILLS_IN_A_RUN = 8
LONGEST_PAUSE_SECONDS = 1.5
MOST_RESUMES = 3
_DWELLING = (
    Phase.PROFILING,
    Phase.COPYING,
    Phase.COPYING,
    Phase.INDEXING,
    Phase.VALIDATING,
    Phase.CUTTING_OVER,
)


@dataclass
class KilledRun:
    """What one run went through; a line of the results."""

    seed: str
    number: int
    kills: list[str] = field(default_factory=list)
    """Victim and phase, in their order."""
    outcome: str = ""
    resumes: int = 0
    seconds: float = 0.0
    copied_again: int = 0
    taken_back: int = 0
    """Chunks of the last second before the server crashed, whose commits were lost with it."""
    complaints: list[str] = field(default_factory=list)


class _Done:
    """The chunks that were done and safe before a kill: none of them may be copied again."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._safe: dict[int, object] = {}
        self._unsafe: dict[int, object] = {}

    def note(self, *, crashes_server: bool) -> None:
        done = self._scene.done_chunks()
        self._safe.update(done)
        if crashes_server:
            durable = self._scene.done_chunks(UNSAFE_SECONDS)
            for chunk in set(self._safe) - set(durable):
                self._unsafe[chunk] = self._safe.pop(chunk)

    def compare(self, result: KilledRun) -> dict[int, tuple[int, object]]:
        after = self._scene.done_chunks()
        result.copied_again = sum(after.get(chunk) != was for chunk, was in self._safe.items())
        result.taken_back = sum(after.get(chunk) != was for chunk, was in self._unsafe.items())
        return self._safe  # type: ignore[return-value]


def _pool_child(scene: Scene) -> list[psutil.Process]:
    return scene.cluster.pool_children()


def _of(*names: str) -> Callable[[Scene], list[psutil.Process]]:
    return lambda scene: [
        process for name in names for process in scene.cluster.processes(name, children=False)
    ]


def _backend(scene: Scene) -> list[psutil.Process]:
    found = []
    for (pid,) in scene.query("SELECT pid FROM pg_stat_activity WHERE usename = %s ORDER BY pid", ROLE):
        with suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


VICTIMS: dict[str, tuple[Callable[[Scene], list[psutil.Process]], int, bool]] = {
    "pool child": (_pool_child, 5, False),
    "worker": (_of(*WORKERS), 4, False),
    "producer": (_of("producer"), 4, False),
    "broker": (_of("valkey"), 2, False),
    "server process of a session": (_backend, 2, True),
    "PostgreSQL": (_of("postgres"), 1, True),
}
"""Name → who it may be, how often compared with the others, whether the server crashes of it."""


def kill_through_a_run(
    cluster: ChaosCluster, template: Path, seed: str, number: int, most_kills: int = MOST_KILLS_IN_A_RUN
) -> KilledRun:
    """Start a run, kill through it, let it come to its end, and judge it."""
    result = KilledRun(seed, number)
    scene = Scene(cluster, f"k{number}", seed=f"{seed} {number}", own_cluster=False)
    ledger = open_ledger(scene.url, "test")
    begun = time.monotonic()
    try:
        scene.use_source(template)
        scene.dwell(scene.random.choice(_DWELLING))
        _start(scene, ledger)
        done = _Done(scene)
        for _ in range(scene.random.randint(1, most_kills)):
            scene.pause(scene.random.uniform(0.02, LONGEST_PAUSE_SECONDS))
            if scene.phase().is_end:
                break
            _kill(scene, done, result)
        scene.dwell(None)
        cluster.settle()
        _finish(scene, ledger, result)
        result.outcome = scene.phase().value
        safe = done.compare(result)
        result.complaints += complaints_about(scene, Ending.SHOWN, safe, {})
    except AssertionError as error:
        result.complaints.append(str(error))
    finally:
        result.seconds = round(time.monotonic() - begun, 1)
        ledger.dispose()
        scene.close()
    return result


def _start(scene: Scene, ledger: Engine) -> None:
    options = RunOptions(
        sources=(Source(scene.name, str(scene.source)),),
        target_schema=scene.name,
        chunk_rows=CHUNK_ROWS,
        workers=len(WORKERS),
    )
    scene.run_id = create_run(ledger, options)
    with scene.queue() as app:
        send_advance(app, scene.run_id)


def _kill(scene: Scene, done: _Done, result: KilledRun) -> None:
    names = list(VICTIMS)
    name = scene.random.choices(names, [VICTIMS[each][1] for each in names])[0]
    choose, _, crashes_server = VICTIMS[name]
    victims = choose(scene)
    if not victims:
        return  # it was killed a moment ago, and is not back yet
    phase = scene.phase()
    done.note(crashes_server=crashes_server)
    with suppress(psutil.Error):
        scene.random.choice(victims).kill()
        result.kills.append(f"{name}, {phase.value}")


def _finish(scene: Scene, ledger: Engine, result: KilledRun) -> None:
    """Wait for the end of the run, and resume it where it failed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (phase := scene.phase()).is_end or phase is Phase.FAILED:
        if phase is Phase.FAILED:
            assert result.resumes < MOST_RESUMES, find_run(ledger, scene.run_id).error
            result.resumes += 1
            request_resume(ledger, scene.run_id)
            with scene.queue() as app, suppress(BrokerError):
                send_advance(app, scene.run_id)
        assert time.monotonic() < deadline, f"the run is {phase} after {PATIENCE_SECONDS} s"
        time.sleep(0.05)


def kills_so_far(path: Path, seed: str) -> tuple[int, int]:
    """Return how many kills, and how many runs, the results hold of a seed."""
    if not path.exists():
        return 0, 0
    runs = [e for e in chaos_results.read(path) if e["what"] == "killed run" and e["seed"] == seed]
    return sum(len(run["kills"]) for run in runs), max((run["number"] for run in runs), default=0)


def main() -> None:
    """Kill until enough are dead, or time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=7_200.0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--results", type=Path, default=chaos_results.RESULTS)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    kills, number = kills_so_far(options.results, options.seed)
    while kills < options.kills and time.monotonic() < until:
        with tempfile.TemporaryDirectory(prefix="convoy-chaos-", ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)  # PostgreSQL runs as another user than root
            cluster = ChaosCluster(Path(folder))
            template = build_source(Path(folder) / "template.db")
            with cluster:
                is_well = True
                while is_well and kills < options.kills and time.monotonic() < until:
                    number += 1
                    result = kill_through_a_run(cluster, template, options.seed, number)
                    chaos_results.add({"what": "killed run", **asdict(result)}, options.results)
                    kills += len(result.kills)
                    is_well = not result.complaints
                    print(f"run {number}, {kills} kills: {result.outcome} {result.complaints}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
