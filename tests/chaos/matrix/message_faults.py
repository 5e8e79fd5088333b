"""What can happen to messages: doubled, late, out of order, lost, too many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import redis

from migration.queue import CONTROL_QUEUE, COPY_QUEUE, send_advance, send_wake_up_call
from tests.chaos.matrix.fault import Fault, Inflict, Kind
from tests.chaos.matrix.process_faults import second_producer
from tests.chaos.matrix.scene import Scene

STEALING_SECONDS = 1.2
LATE_SECONDS = 3.5
"""Longer than a short lease, so that the watchdog has sent the same once more by then."""

Message = tuple[bytes, bytes]
"""Name of its list, and the message as it lay there."""


def steal(broker: redis.Redis, seconds: float) -> list[Message]:
    """Take every message that waits, for a while; those that consumers wait for at the moment are shared with them."""
    taken: list[Message] = []
    until = time.monotonic() + seconds
    queues = (CONTROL_QUEUE.encode(), COPY_QUEUE.encode())
    while time.monotonic() < until:
        for name in broker.scan_iter(_type="list"):
            if name.split(b"\x06")[0] in queues:
                while (message := broker.rpop(name)) is not None:
                    taken.append((name, message))
        time.sleep(0.001)
    return taken


def stolen(give_back: Callable[[Scene, list[Message]], list[Message]]) -> Inflict:
    """Steal messages, and put back what `give_back` makes of them."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        with scene.broker() as broker:
            taken = steal(broker, STEALING_SECONDS)
            scene.notes.append(f"{len(taken)} messages")
            for name, message in give_back(scene, taken):
                broker.lpush(name, message)
        yield

    return inflict


def doubled(_scene: Scene, taken: list[Message]) -> list[Message]:
    """Each of them twice."""
    return [message for message in taken for _ in range(2)]


def late(scene: Scene, taken: list[Message]) -> list[Message]:
    """All of them, when others have been sent in their place."""
    scene.pause(LATE_SECONDS)
    return taken


def shuffled(scene: Scene, taken: list[Message]) -> list[Message]:
    """In another order."""
    return scene.random.sample(taken, len(taken))


def lost(_scene: Scene, _taken: list[Message]) -> list[Message]:
    """None."""
    return []


@contextmanager
def all_calls_sent_again(scene: Scene) -> Iterator[None]:
    """Send four calls to workers for every step of the run, done or not."""
    ((steps,),) = scene.query("SELECT count(*) FROM convoy.steps WHERE run_id = %s", scene.run_id)
    scene.notes.append(f"{4 * steps} messages")
    with scene.queue() as app:
        for _ in range(4 * steps):
            send_wake_up_call(app, scene.run_id)
    yield


@contextmanager
def advanced(scene: Scene) -> Iterator[None]:
    """Ask 20 times at once that the run be moved on."""
    with scene.queue() as app, ThreadPoolExecutor(20) as pool:
        for sent in [pool.submit(send_advance, app, scene.run_id) for _ in range(20)]:
            sent.result()
    yield


MESSAGE_FAULTS: tuple[Fault, ...] = (
    Fault("messages doubled", Kind.MESSAGE, stolen(doubled)),
    Fault("messages late", Kind.MESSAGE, stolen(late)),
    Fault("messages out of order", Kind.MESSAGE, stolen(shuffled)),
    Fault("messages lost", Kind.MESSAGE, stolen(lost)),
    Fault("every call to workers sent four times more", Kind.MESSAGE, all_calls_sent_again),
    Fault("advance sent 20 times at once", Kind.MESSAGE, advanced),
    Fault("two producers, advance sent 20 times at once", Kind.MESSAGE, advanced, around=second_producer),
)
