"""kombu's transport for Redis, with gaps closed that leave a process deaf, or end it, after a silence of the broker.

A message that cannot be acknowledged, because the connection is dead, keeps its place among those that a worker may
hold at once. A worker that may hold one asks for no other then, and so never finds out that its connection is dead.

Celery's workers look after all their connections by a timer. Who calls `drain_events` in a loop, as Flower does, has no
timer: kombu 5.7 then looks after the connection of its queues alone, and waits for ever on a dead subscription.

As a lost connection is closed, kombu 5.7 hands back what is unacknowledged, over channels of that very connection whose
parts are None by then. The AttributeError of that is nobody's error of a connection, and ends the process. Here,
whatever is asked of such a channel is an error of its connection, and closing one never fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import ConnectionError as ConnectionLostError

logger = logging.getLogger(__name__)

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

    def restore_unacked(self, client: Any = None) -> None:
        """Hand back what is unacknowledged, if the broker is there to take it."""
        try:
            super().restore_unacked(client)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - a broker that is gone fails in as many ways as there are libraries
            logger.debug("%d messages could not be handed back: %s", len(self._delivered), error)
        finally:
            self._delivered.clear()


class ForgettingChannel(redis.Channel):
    """A channel whose messages lose their place in any case, and that can be closed however its connection fares."""

    QoS = ForgettingQoS

    def close(self) -> None:
        """Close it, and tell the broker if that is there to be told."""
        transport = self.connection
        try:
            super().close()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - see restore_unacked
            logger.debug("The broker could not be told that a channel is closed: %s", error)
            self.closed = True
            self._in_poll = self._in_listen = False
            with suppress(Exception):
                if self._qos:
                    self._qos.restore_unacked_once()
            with suppress(Exception):
                self._disconnect_pools()  # type: ignore[no-untyped-call]
            if transport is not None:
                transport.cycle.discard(self)
                transport.close_channel(self)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return what a connection is made with, where there is one to belong to."""
        if self.connection is None or self.connection.client is None:
            raise ConnectionLostError("The connection of this channel has been closed")
        params: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        return params


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
        self._forget_turns: Callable[[], None] | None = None

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Be called at each turn of an event loop, until the connection is closed: kombu stays there for ever."""
        before = set(loop.on_tick)
        super().register_with_event_loop(connection, loop)  # type: ignore[no-untyped-call]
        added = set(loop.on_tick) - before
        self._forget_turns = lambda: loop.on_tick.difference_update(added)

    def close_connection(self, connection: Any) -> None:
        """Close all channels."""
        if self._forget_turns is not None:
            self._forget_turns()
        super().close_connection(connection)  # type: ignore[no-untyped-call]


def install() -> None:
    """Let kombu use it in this process; schemes such as that of Redis Sentinel keep their own."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{WatchfulTransport.__name__}"
