from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from celery.canvas import Signature
from kombu.transport import virtual

from migration import queue
from migration.errors import BrokerError
from migration.queue import ADVANCE_TASK, COPY_QUEUE, RUN_STEPS_TASK, check_broker, make_app, send_steps
from migration.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(broker_url="redis://127.0.0.1:1/0", _env_file=None)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("task_acks_late", True),
        ("task_reject_on_worker_lost", True),
        ("task_track_started", True),
        ("worker_prefetch_multiplier", 1),
        ("task_serializer", "json"),
        ("accept_content", ["json"]),
        ("worker_send_task_events", True),
        ("broker_connection_retry_on_startup", True),
        ("result_backend_always_retry", True),
        ("broker_channel_error_retry", True),
        ("task_soft_time_limit", 3_300),
        ("task_time_limit", 3_600),
    ],
)
def test_celery_takes_the_option(settings: Settings, option: str, value: object) -> None:
    assert make_app(settings).conf[option] == value


def test_messages_become_visible_again_only_after_the_hard_limit(settings: Settings) -> None:
    app = make_app(settings)
    for options in (app.conf.broker_transport_options, app.conf.result_backend_transport_options):
        assert app.conf.task_soft_time_limit < app.conf.task_time_limit < options["visibility_timeout"]


def test_who_sends_gives_up_soon_and_who_works_does_not(settings: Settings) -> None:
    assert make_app(settings).backend.retry_policy["max_retries"] == 1
    assert make_app(settings, is_worker=True).backend.retry_policy["max_retries"] == 20


def test_message_that_cannot_be_acknowledged_gives_its_place_free(settings: Settings) -> None:
    with make_app(settings).connection() as connection:
        qos = connection.transport.Channel.QoS.__new__(connection.transport.Channel.QoS)
        virtual.QoS.__init__(qos, SimpleNamespace(do_restore=False), prefetch_count=1)
        virtual.QoS.append(qos, "message", "tag")
        assert not qos.can_consume()
        # Its channel leads to no broker.
        with pytest.raises(AttributeError):
            qos.ack("tag")
        assert qos.can_consume()


def test_tasks_go_to_their_queues(settings: Settings) -> None:
    routes = make_app(settings).conf.task_routes
    assert routes[RUN_STEPS_TASK]["queue"] == COPY_QUEUE
    assert routes[ADVANCE_TASK]["queue"] == "control"


def test_each_message_of_a_chord_names_the_run_and_a_number_of_steps(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[object, ...]] = []

    def chord(headers: list[Signature], **_options: object) -> Callable[[Signature], None]:
        sent.extend(header.args for header in headers)
        return lambda _body: None

    monkeypatch.setattr(queue, "chord", chord)
    send_steps(make_app(settings), "run", [3, 1])
    assert sent == [("run", 3), ("run", 1)]
    # The default target has no name in a message: a version before knows of no other.
    send_steps(make_app(settings), "run", [2], target="shop")
    assert sent[2:] == [("run", 2, "shop")]


def test_broker_that_does_not_answer_is_a_sentence_without_its_password() -> None:
    with pytest.raises(BrokerError, match="does not answer") as caught:
        check_broker("redis://:secret@127.0.0.1:1/0")
    assert "secret" not in str(caught.value)
    assert caught.value.place == {"broker": "redis://127.0.0.1:1/0"}


def test_no_broker_says_what_to_set() -> None:
    with pytest.raises(BrokerError, match="MIGRATION_BROKER_URL"):
        make_app(Settings(broker_url=None, _env_file=None))
