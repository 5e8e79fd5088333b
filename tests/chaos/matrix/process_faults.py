"""Signals to processes: one of them, or all at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from tests.chaos.matrix.chaos_cluster import WORKERS
from tests.chaos.matrix.fault import Fault, Inflict, Kind
from tests.chaos.matrix.scene import Scene

Choose = Callable[[Scene], Sequence[psutil.Process]]

PASSING_SECONDS = (0.5, 1.5)
LONG_SECONDS = (5.0, 6.5)
"""Longer than the silence after which a process loses its connections."""


def pool_child(scene: Scene) -> list[psutil.Process]:
    """A process that does steps."""
    return [scene.random.choice(scene.cluster.pool_children())]


def worker(scene: Scene) -> list[psutil.Process]:
    """The main process of a worker, alone."""
    return scene.cluster.processes(scene.random.choice(WORKERS), children=False)


def worker_with_child(scene: Scene) -> list[psutil.Process]:
    """A worker with its child, as when its container ends."""
    return scene.cluster.processes(scene.random.choice(WORKERS))


def all_workers(scene: Scene) -> list[psutil.Process]:
    """Every worker with its child."""
    return scene.cluster.processes(*WORKERS)


def producer(scene: Scene) -> list[psutil.Process]:
    """The one producer."""
    return scene.cluster.processes("producer")


def workers_and_producer(scene: Scene) -> list[psutil.Process]:
    """All that is Convoy."""
    return scene.cluster.processes(*WORKERS, "producer")


def everything(scene: Scene) -> list[psutil.Process]:
    """Workers, producer, broker and PostgreSQL."""
    return scene.cluster.processes(*WORKERS, "producer", "valkey", "postgres")


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to processes, as close together as can be."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def signalled(number: signal.Signals, choose: Choose) -> Inflict:
    """Send a signal; whoever ends is started again by the cluster's supervisor."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        send(choose(scene), number)
        yield

    return inflict


def stopped(choose: Choose) -> Inflict:
    """Stop processes for a while (SIGSTOP), then let them go on (SIGCONT)."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        chosen = choose(scene)
        send(chosen, signal.SIGSTOP)
        try:
            yield
        finally:
            send(chosen, signal.SIGCONT)

    return inflict


@contextmanager
def _orphaned(scene: Scene) -> Iterator[None]:
    """Kill a worker, and let its child live on for a while before the supervisor clears up."""
    with scene.cluster.hold_supervision():
        send(worker(scene), signal.SIGKILL)
        yield


@contextmanager
def _second_producer_takes_over(scene: Scene) -> Iterator[None]:
    """Freeze the first producer for longer than producers may be silent."""
    first = producer(scene)
    send(first, signal.SIGSTOP)
    try:
        yield
    finally:
        send(first, signal.SIGCONT)


@contextmanager
def second_producer(scene: Scene) -> Iterator[None]:
    """A second producer on the same broker and ledger, for the time of the run."""
    scene.cluster.start_another("producer2", like="producer")
    try:
        scene.wait_until(lambda: scene.cluster._is_ready_again("producer2"), "second producer")
        yield
    finally:
        scene.cluster.end_another("producer2")


def _one_after_another(choose: Choose, times: int) -> Inflict:
    """Kill, and kill what was started in its place."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        for _ in range(times):
            send(choose(scene), signal.SIGKILL)
            scene.cluster.settle()
        yield

    return inflict


_ENDING = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PLACES: tuple[tuple[str, Choose], ...] = (
    ("a pool child", pool_child),
    ("a worker", worker),
    ("the producer", producer),
    ("all workers and the producer", workers_and_producer),
)

PROCESS_FAULTS: tuple[Fault, ...] = (
    *(
        Fault(f"{number.name} to {place}", Kind.PROCESS, signalled(number, choose))
        for place, choose in _PLACES
        for number in _ENDING
    ),
    *(
        Fault(f"{place}, stopped and continued", Kind.PROCESS, stopped(choose), LONG_SECONDS)
        for place, choose in _PLACES
    ),
    Fault("SIGKILL of a worker and its child", Kind.PROCESS, signalled(signal.SIGKILL, worker_with_child)),
    Fault("SIGKILL of all workers", Kind.PROCESS, signalled(signal.SIGKILL, all_workers)),
    Fault("SIGKILL of a worker whose child lives on", Kind.PROCESS, _orphaned, PASSING_SECONDS),
    Fault("SIGKILL of the producer, twice", Kind.PROCESS, _one_after_another(producer, 2)),
    Fault(
        "SIGKILL of everything, servers too",
        Kind.PROCESS,
        signalled(signal.SIGKILL, everything),
        crashes_server=True,
    ),
    Fault("everything, servers too, stopped and continued", Kind.PROCESS, stopped(everything), LONG_SECONDS),
    Fault(
        "a second producer, the first one frozen",
        Kind.PROCESS,
        _second_producer_takes_over,
        LONG_SECONDS,
        around=second_producer,
    ),
)
