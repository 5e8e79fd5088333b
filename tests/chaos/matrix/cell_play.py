"""Plays one cell: a run, a fault in one of its phases, and the judgement."""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from migration.model import Phase
from tests.chaos.matrix.chaos_cluster import ChaosCluster
from tests.chaos.matrix.fault import Cell, Ending
from tests.chaos.matrix.judge import complaints_about, copied_again
from tests.chaos.matrix.scene import Scene
from tests.support.shell import is_gone, session_of

UNSAFE_SECONDS = 1.0
"""How long a commit that does not wait for the disk may be lost with the server: thrice wal_writer_delay, and more."""
LATEST_SECONDS = 0.7
"""Until when after the beginning of its phase a fault strikes."""
LATEST_AT_END_SECONDS = 0.3
_FINDINGS = 1
_TOOK_NO_MESSAGE = ("broker does not answer", "message broker refuses")
_SHOWN = frozenset({Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS})


@dataclass
class Result:
    """What came of a cell; a line of the results."""

    fault: str
    phase: str
    kind: str
    met: bool = True
    """Whether the fault struck in that phase; otherwise the run was past it before that could be seen."""
    outcome: str = ""
    resumed: bool = False
    seconds: float = 0.0
    """From the fault's strike to the end of the run."""
    copied_again: int = 0
    taken_back: int = 0
    """Chunks of the last second before the server crashed, whose commits were lost with it."""
    notes: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def play(cluster: ChaosCluster, cell: Cell, template: Path, seed: str, number: int) -> Result:
    """Play a cell on a cluster that is at rest, and leave it at rest."""
    fault = cell.fault
    cluster.settle()
    scene = Scene(cluster, f"c{number}", seed=f"{seed} {cell.name}", own_cluster=fault.own_cluster)
    result = Result(fault.name, cell.phase.value, fault.kind.value)
    try:
        scene.use_source(template)
        tables_before = _tables_to_replace(scene) if fault.replaces else {}
        with (fault.around or (lambda _: nullcontext()))(scene):
            _strike(scene, cell, result, tables_before)
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the results
        what = str(error) if isinstance(error, AssertionError) else repr(error)
        result.complaints.append(what)
    finally:
        result.notes += scene.notes
        if result.complaints:
            result.notes.append(scene.said[-2000:])
        scene.close()
    return result


def _strike(scene: Scene, cell: Cell, result: Result, tables_before: dict[str, int]) -> None:
    fault = cell.fault
    scene.dwell(cell.phase)
    scene.start(*(("--if-exists", "replace") if fault.replaces else ()))
    result.met = scene.wait_for_phase(cell.phase)
    at_end = cell.phase is Phase.COMPLETED
    scene.pause(scene.random.uniform(0, LATEST_AT_END_SECONDS if at_end else LATEST_SECONDS))
    result.met = result.met and scene.phase() in (_SHOWN if at_end else {cell.phase})
    processes = session_of(scene.command) if fault.own_cluster and scene.command.poll() is None else []
    done = scene.done_chunks()
    safe = scene.done_chunks(UNSAFE_SECONDS) if fault.crashes_server else done
    began = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(fault.inflict(scene))
        if not fault.until_end:
            scene.pause(scene.random.uniform(*fault.seconds))
            stack.close()
        scene.dwell(None)
        status = scene.wait_for_command()
    if processes:
        scene.wait_until(lambda: all(is_gone(pid) for pid in processes), "end of the command's processes")
    status = _go_on(scene, cell, result, status)
    result.seconds = round(time.monotonic() - began, 1)
    if fault.reads_anew and result.resumed:
        done, safe = {}, {}
    phase = scene.phase()
    result.outcome = phase.value
    after = scene.done_chunks()
    if phase in _SHOWN:
        result.copied_again = copied_again(safe, after)
        result.taken_back = copied_again(done, after) - result.copied_again
    ending = fault.ending
    not_begun = (status, phase, cell.phase) == (2, Phase.CANCELLED, Phase.PENDING)
    if not_begun and any(words in scene.said for words in _TOOK_NO_MESSAGE):
        ending, result.outcome = Ending.NOT_BEGUN, "not_begun"
    result.complaints += complaints_about(scene, ending, safe, tables_before)
    if ending is not Ending.NOT_BEGUN:
        result.complaints += _of_status(scene, cell, status, phase)


def _go_on(scene: Scene, cell: Cell, result: Result, status: int) -> int:
    """Do, at most once, what a user does whose command has ended before the run: what it printed last."""
    phase = scene.phase()
    if phase is Phase.FAILED or (cell.fault.own_cluster and not phase.is_end):
        words = scene.printed_command()
        if not words and not cell.fault.ends_command:
            result.complaints.append(f"the command ended with {status} and printed no next one")
        result.resumed = True
        status, out, err = scene.shell.run(*(words or ["resume", scene.run_id]))
        scene.said += f"\n--- resume: {status}\n{out}{err}"
    elif not phase.is_end:
        if not cell.fault.ends_command:
            result.complaints.append(f"the command ended with {status} while the run was {phase}")
        status, out, err = scene.shell.run("status", scene.run_id, "--follow")
        scene.said += f"\n--- status: {status}\n{out}{err}"
    elif cell.fault.ends_command:
        status = {True: _FINDINGS}.get(phase in _SHOWN, status)
    return status


def _of_status(scene: Scene, cell: Cell, status: int, phase: Phase) -> list[str]:
    """Return what is wrong with the exit status of the last command."""
    expected = {
        Phase.COMPLETED_WITH_FINDINGS: {_FINDINGS},
        Phase.CANCELLED: {130},
        Phase.FAILED: {3},
        Phase.ROLLED_BACK: {0, _FINDINGS},  # the command may have told of the run as it was
    }.get(phase, set())
    if status in expected:
        return []
    return [
        f"{cell.name}: the run is {phase}, and the last command ended with {status}:\n{scene.said[-1500:]}"
    ]


def _tables_to_replace(scene: Scene) -> dict[str, int]:
    """Make a table that the run is to replace, and return the ids of what stands there."""
    scene.query(f'CREATE SCHEMA "{scene.name}" AUTHORIZATION mover')
    scene.query(f'CREATE TABLE "{scene.name}".item (note text)')
    scene.query(f'ALTER TABLE "{scene.name}".item OWNER TO mover')
    return dict(
        scene.query(
            "SELECT relname, oid::bigint FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'",
            scene.name,
        )
    )
