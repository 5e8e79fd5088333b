"""What users ask of a run at the wrong moment, and what happens to the command that they follow it with."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from migration.model import Phase
from producer.cli.app import COMMANDS
from tests.chaos.matrix.fault import Ending, Fault, Inflict, Kind
from tests.chaos.matrix.scene import Scene

SHOWN = frozenset({Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS})
COMMAND_STOP_SECONDS = (0.5, 3.0)


@contextmanager
def cancelled(scene: Scene) -> Iterator[None]:
    """Type `cancel`."""
    status, _, err = scene.shell.run("cancel", scene.run_id)
    scene.notes.append(f"cancel: {status}")
    phase = scene.phase()
    if (status, phase is Phase.CANCELLED) not in {(0, True), (2, False)}:
        scene.complaints.append(f"cancel ended with {status}, and the run is {phase}: {err}")
    yield


@contextmanager
def resumed(scene: Scene) -> Iterator[None]:
    """Type `resume` though the run moves."""
    status, out, err = scene.shell.run("resume", scene.run_id)
    if status not in {1, 2} or (status == 2 and "nothing to resume" not in err):
        scene.complaints.append(f"resume ended with {status}: {out} {err}")
    yield


@contextmanager
def rolled_back(scene: Scene) -> Iterator[None]:
    """Type `rollback` before there is anything to reverse."""
    before = scene.phase()
    status, out, err = scene.shell.run("rollback", scene.run_id)
    after = scene.phase()
    if status not in {0, 2} or (after is Phase.ROLLED_BACK) != (status == 0):
        scene.complaints.append(f"rollback in {before} ended with {status}, now {after}: {out} {err}")
    yield


@contextmanager
def paused(scene: Scene) -> Iterator[None]:
    """Type `pause`, and `resume` a while later."""
    status, out, err = scene.shell.run("pause", scene.run_id)
    if status not in {0, 2}:
        scene.complaints.append(f"pause ended with {status}: {out} {err}")
    try:
        yield
    finally:
        if status == 0:
            status, out, err = scene.shell.run("resume", scene.run_id)
            if status != 1:
                scene.complaints.append(f"resume after pause ended with {status}: {out} {err}")


def command_ended_by(number: signal.Signals) -> Inflict:
    """Send a signal to the command, as a terminal does: to its whole group."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        with suppress(ProcessLookupError):
            os.killpg(scene.command.pid, number)
        yield

    return inflict


@contextmanager
def command_stopped(scene: Scene) -> Iterator[None]:
    """Stop the command (Ctrl-Z) for a while."""
    with suppress(ProcessLookupError):
        os.killpg(scene.command.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(scene.command.pid, signal.SIGCONT)


_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_PAUSE: tuple[Fault, ...] = (
    (Fault("pause, later resume", Kind.REQUEST, paused, (0.5, 2.0)),) if "pause" in COMMANDS else ()
)

REQUEST_FAULTS: tuple[Fault, ...] = (
    Fault("cancel", Kind.REQUEST, cancelled, ending=Ending.CANCELLED),
    Fault("resume", Kind.REQUEST, resumed),
    Fault("rollback", Kind.REQUEST, rolled_back, ending=Ending.REVERSED),
    *_PAUSE,
    *(
        Fault(
            f"{number.name} to the command that follows",
            Kind.COMMAND,
            command_ended_by(number),
            ends_command=True,
        )
        for number in _SIGNALS
    ),
    *(
        Fault(
            f"{number.name} to the command, which has its own cluster",
            Kind.COMMAND,
            command_ended_by(number),
            own_cluster=True,
            ends_command=True,
        )
        for number in _SIGNALS
    ),
    Fault(
        "the command, which has its own cluster, stopped and continued",
        Kind.COMMAND,
        command_stopped,
        COMMAND_STOP_SECONDS,
        own_cluster=True,
    ),
)
