"""What can happen to the broker."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.chaos.matrix.fault import Fault, Inflict, Kind
from tests.chaos.matrix.process_faults import stopped
from tests.chaos.matrix.scene import Scene

OUTAGE_SECONDS = (3.0, 6.0)


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """Kill the broker; its append-only file is there when it comes back."""
    with scene.cluster.hold_supervision():
        scene.cluster.processes("valkey")[0].kill()
        yield


@contextmanager
def killed_and_emptied(scene: Scene) -> Iterator[None]:
    """Kill the broker and remove all that it has written."""
    with scene.cluster.hold_supervision():
        broker = scene.cluster.processes("valkey")
        broker[0].kill()
        psutil.wait_procs(broker, timeout=10)
        shutil.rmtree(scene.cluster.valkey_folder / "appendonlydir")
        yield


@contextmanager
def flushed(scene: Scene) -> Iterator[None]:
    """Empty the broker."""
    with scene.broker() as broker:
        broker.flushall()
    yield


@contextmanager
def flushed_again_and_again(scene: Scene) -> Iterator[None]:
    """Empty the broker every few milliseconds, for a while."""
    with scene.broker() as broker:
        for _ in range(200):
            broker.flushall()
            scene.pause(0.005)
    yield


@contextmanager
def out_of_memory(scene: Scene) -> Iterator[None]:
    """Let the broker refuse every write for want of memory."""
    with scene.broker() as broker:
        broker.config_set("maxmemory-policy", "noeviction")
        broker.config_set("maxmemory", "1")
        try:
            yield
        finally:
            broker.config_set("maxmemory", "0")


@contextmanager
def restarted(scene: Scene) -> Iterator[None]:
    """Stop the broker in good order (SIGTERM); it is started again."""
    scene.cluster.processes("valkey")[0].send_signal(signal.SIGTERM)
    yield


@contextmanager
def clients_dropped(scene: Scene) -> Iterator[None]:
    """Close every connection to the broker, again and again."""
    with scene.broker() as broker:
        for _ in range(10):
            broker.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            scene.pause(0.1)
    yield


def proxied(mode: str) -> Inflict:
    """Put the proxy before the broker into a mode."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        scene.cluster.proxy.set(mode)
        try:
            yield
        finally:
            scene.cluster.proxy.set("forward")

    return inflict


BROKER_FAULTS: tuple[Fault, ...] = (
    Fault("broker killed, its data kept", Kind.BROKER, killed, (0.0, 2.0)),
    Fault("broker killed, its data lost", Kind.BROKER, killed_and_emptied, (0.0, 2.0)),
    Fault("broker restarted", Kind.BROKER, restarted),
    Fault("broker emptied", Kind.BROKER, flushed),
    Fault("broker emptied 200 times in a second", Kind.BROKER, flushed_again_and_again),
    Fault(
        "broker stopped and continued",
        Kind.BROKER,
        stopped(lambda scene: scene.cluster.processes("valkey")),
        OUTAGE_SECONDS,
    ),
    Fault("broker swallows what it is sent", Kind.BROKER, proxied("swallow"), OUTAGE_SECONDS),
    Fault("broker refuses connections", Kind.BROKER, proxied("refuse"), OUTAGE_SECONDS),
    Fault("broker drops its clients 10 times", Kind.BROKER, clients_dropped),
    Fault("broker out of memory", Kind.BROKER, out_of_memory, OUTAGE_SECONDS),
)
