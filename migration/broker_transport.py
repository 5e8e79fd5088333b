"""kombu's transport for Redis, for those who wait for events without an event loop: Flower.

Celery's workers look after all their connections by a timer. Who calls `drain_events` in a loop has no timer: kombu
5.7 then looks after the connection of its queues alone, and waits for ever on a publish/subscribe connection that the
broker has vanished from without closing it. Flower would show the past for good.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from typing import Any, Final

from kombu.transport.redis import MultiChannelPoller, Transport

_LOOK_SECONDS: Final = 5.0


class HealthCheckingPoller(MultiChannelPoller):
    """Looks after subscriptions, too, while it waits."""

    def get(self, callback: Callable[..., Any], timeout: float | None = None) -> Any:
        """Wait for one message, a few seconds at a time."""
        wait_seconds = _LOOK_SECONDS if timeout is None else min(timeout, _LOOK_SECONDS)
        try:
            return super().get(callback, wait_seconds)  # type: ignore[no-untyped-call]
        except Empty:
            self.maybe_check_subclient_health()  # type: ignore[no-untyped-call]
            raise


class HealthCheckingTransport(Transport):
    """The transport of `redis://` and `rediss://`, otherwise unchanged."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self.cycle: Any = HealthCheckingPoller()  # type: ignore[no-untyped-call]
