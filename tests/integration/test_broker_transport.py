"""What a real connection does that was taken apart while a message was unacknowledged."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from kombu import Connection, Queue

from migration.queue import make_app
from migration.settings import Settings


@pytest.fixture
def connection(valkey_url: str) -> Connection:
    return make_app(Settings(broker_url=valkey_url, _env_file=None)).connection()


def taken_message(connection: Connection) -> Any:
    """A message that nobody has acknowledged."""
    name = f"q-{uuid.uuid4().hex}"
    queue = Queue(name, channel=connection.default_channel)
    queue.declare()
    connection.Producer().publish({"run": 1}, routing_key=name, serializer="json", declare=[queue])
    message = queue.get()
    assert message is not None
    return message


def test_lost_connection_can_be_closed_twice(connection: Connection) -> None:
    message = taken_message(connection)
    transport = connection.transport
    connection.collect()
    assert transport.client is None
    assert message.channel.closed
    message.channel.closed = False  # as where the first attempt was cut short
    message.channel.close()
    connection.close()
    transport.close_connection(transport)
    assert list(transport.channels) == []


@pytest.mark.parametrize("act", ["ack", "reject", "requeue"])
def test_message_of_a_lost_connection_fails_as_one(connection: Connection, act: str) -> None:
    message = taken_message(connection)
    errors = connection.connection_errors
    connection.collect()
    message.channel._disconnect_pools()  # as where the broker was away while it was closed
    with pytest.raises(errors):
        getattr(message, act)()


def test_nothing_is_handed_back_over_a_lost_connection_and_nothing_fails(connection: Connection) -> None:
    message = taken_message(connection)
    qos = message.channel.qos
    transport = connection.transport
    qos._delivered[message.delivery_tag] = message
    transport.client = None
    message.channel._disconnect_pools()
    qos.restore_unacked()
    assert not qos._delivered
    message.channel.close()
    assert message.channel.closed
    assert message.channel not in transport.channels
    assert message.channel not in transport.cycle._channels


def test_event_loop_forgets_a_connection_that_is_closed(connection: Connection) -> None:
    from kombu.asynchronous import Hub

    hub = Hub()
    for _ in range(3):
        connection.connect()
        connection.transport.register_with_event_loop(connection.connection, hub)
        assert len(hub.on_tick) == 1
        connection.collect()
    assert hub.on_tick == set()
    hub.close()
