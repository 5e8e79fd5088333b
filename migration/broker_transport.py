"""kombu's transport for Redis, with two gaps closed that leave a process deaf for good after a silence of the broker.

A message that cannot be acknowledged, because the connection is dead, keeps its place among those that a worker may
hold at once. A worker that may hold one asks for no other then, and so never finds out that its connection is dead.

Celery's workers look after all their connections by a timer. Who calls `drain_events` in a loop, as Flower does, has no
timer: kombu 5.7 then looks after the connection of its queues alone, and waits for ever on a dead subscription.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES, redis, virtual

_LOOK_SECONDS: Final = 5.0


class ForgettingQoS(redis.QoS):
    """Gives a message's place to the next one, even where the broker could not be told that it is done.

    The broker hands it out again after the visibility timeout; the ledger knows that there is nothing to do.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message."""
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        finally:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]


class ForgettingChannel(redis.Channel):
    """A channel whose messages lose their place in any case."""

    QoS = ForgettingQoS


class HealthCheckingPoller(redis.MultiChannelPoller):
    """Looks after subscriptions, too, while it waits."""

    def get(self, callback: Callable[..., Any], timeout: float | None = None) -> Any:
        """Wait for one message, a few seconds at a time."""
        wait_seconds = _LOOK_SECONDS if timeout is None else min(timeout, _LOOK_SECONDS)
        try:
            return super().get(callback, wait_seconds)  # type: ignore[no-untyped-call]
        except Empty:
            self.maybe_check_subclient_health()  # type: ignore[no-untyped-call]
            raise


class WatchfulTransport(redis.Transport):
    """The transport of `redis://` and `rediss://`, otherwise unchanged."""

    Channel = ForgettingChannel

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self.cycle: Any = HealthCheckingPoller()  # type: ignore[no-untyped-call]


def install() -> None:
    """Let kombu use it in this process; schemes such as that of Redis Sentinel keep their own."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{WatchfulTransport.__name__}"
