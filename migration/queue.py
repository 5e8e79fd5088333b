"""The queue: Celery application factory, queue names, and the two messages that Convoy sends.

Messages hold ids only, and the name of the target where it is not the default one: what has no name may come from a
version before. Every option is set here, and a test reads each of them back.
"""

from __future__ import annotations

import json
import socket
import ssl
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import urlsplit

from celery import Celery, chord, signature
from celery.canvas import Signature
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from migration.broker_transport import install
from migration.certificate_dates import remedy_of_dates
from migration.errors import BrokerError, BrokerSettingError
from migration.settings import Settings

CONTROL_QUEUE = "control"
COPY_QUEUE = "copy"
ADVANCE_TASK = "convoy.advance"
RUN_STEPS_TASK = "convoy.run_steps"
BROKER_TIMEOUT_SECONDS = 10.0
BROKER_CONNECT_SECONDS = 5.0
_KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""The kernel notices within a minute that nobody is there any more; its own default is two hours."""
_SENDING = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.0, "interval_max": 0.0}
"""Celery's own way is 20 tries; with a broker that swallows what it is sent they take four minutes."""
_BACKEND = "migration.unheard_results:UnheardResults"
_SHOWN_CHARACTERS = 18
_MOST_SHOWN = 300
_MOST_READ = 5_000
# On Redis the lowest number is served first; 0, 3, 6 and 9 have lists of their own. What has begun is ended first, so
# that runs which were asked for at once end one after the other, and not all of them at the end.
_BEGUN = 3
_NEW = 6
_PRIORITIES = (0, 3, 6, 9)
_PRIORITY_SEPARATOR = "\x06\x16"
"""Between a queue's name and a priority, in the name of kombu's list; 0 has the queue's own name."""


def make_app(settings: Settings, name: str = "convoy", *, is_worker: bool = False) -> Celery:
    """Return a Celery application on the broker of `settings`.

    A worker may try for minutes to write down that a message is done. Who sends gives up at the second try: others wait
    for it, and the ledger knows what is unsent.

    Raises:
        BrokerError: no broker is configured.
    """
    if settings.broker_url is None:
        raise BrokerSettingError(
            "This process does not know its broker",
            setting="MIGRATION_BROKER_URL",
            remedy="Set MIGRATION_BROKER_URL to a Redis or Valkey",
        )
    install()
    app = Celery(name, broker=settings.broker_url, backend=settings.broker_url, set_as_current=False)
    app.loader.override_backends = dict.fromkeys(("redis", "rediss"), _BACKEND)
    transport = {
        "visibility_timeout": settings.visibility_timeout_seconds,
        # A dead connection is noticed although nobody writes to it.
        "socket_keepalive": True,
        "socket_keepalive_options": _KEEPALIVE,
        "health_check_interval": 10,
        # A broker may vanish without closing (failover, firewall): nothing waits longer for it than this, and kombu's
        # check for a reply that is overdue gets its turn.
        "socket_timeout": BROKER_TIMEOUT_SECONDS,
        "socket_connect_timeout": BROKER_CONNECT_SECONDS,
    }
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_track_started=True,
        task_soft_time_limit=settings.soft_time_limit_seconds,
        task_time_limit=settings.hard_time_limit_seconds,
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_routes={ADVANCE_TASK: {"queue": CONTROL_QUEUE}, RUN_STEPS_TASK: {"queue": COPY_QUEUE}},
        task_default_queue=CONTROL_QUEUE,
        task_send_sent_event=True,
        task_publish_retry=False,  # the ledger knows what is unsent, and the watchdog sends it again
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=10.0,
        worker_enable_soft_shutdown_on_idle=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_consumer="migration.lasting_consumer:LastingConsumer",
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # for ever: a process that gives up is one that somebody must start
        # A broker whose disk or memory is full, or that has become a replica, answers and refuses: that passes, too.
        broker_channel_error_retry=True,
        redis_socket_timeout=BROKER_TIMEOUT_SECONDS,
        redis_socket_connect_timeout=BROKER_CONNECT_SECONDS,
        redis_socket_keepalive=True,
        broker_transport_options=transport,
        # Without this a broker that restarts turns finished headers of a chord into errors.
        result_backend_always_retry=True,
        result_backend_transport_options=transport if is_worker else transport | {"retry_policy": _SENDING},
        result_expires=24 * 3600,
    )
    return app


def shown_run(run_id: str, target: str = "") -> str:
    """Return a run's id as Flower shows it: long enough to be the only one, and for `migration-cli status`."""
    return f"run {run_id[:_SHOWN_CHARACTERS]}" + (f" on {target}" if target else "")


def _named(target: str) -> tuple[str, ...]:
    """Return the arguments that name a target; none for the default one."""
    return (target,) if target else ()


def _signature(app: Celery, task: str, queue: str, *arguments: object, shown: str) -> Signature:
    """Return a message. Nobody asks for its result, which the sender would subscribe to and the worker write twice.

    A chord counts its headers all the same: in Redis, apart from their results. `shown` is what those who watch the
    queue see in place of the arguments; no worker reads it.
    """
    options = {"ignore_result": True, "argsrepr": shown[:_MOST_SHOWN], "kwargsrepr": "{}"}
    return signature(task, args=arguments, app=app, queue=queue, immutable=True, **options)


def _advance(app: Celery, run_id: str, target: str) -> Signature:
    shown = shown_run(run_id, target)
    return _signature(app, ADVANCE_TASK, CONTROL_QUEUE, run_id, *_named(target), shown=shown)


def send_advance(app: Celery, run_id: str, target: str = "") -> None:
    """Ask the producer to move a run on that is new, resumed or cancelled; `target` names its ledger.

    Raises:
        BrokerError: the broker does not answer.
    """
    with _publishing(app):
        _advance(app, run_id, target).apply_async(retry=False, priority=_NEW)


def send_return(app: Celery, run_id: str, target: str = "") -> None:
    """Ask the producer to move a run on whose steps are through: before those that are new.

    Raises:
        BrokerError: the broker does not answer.
    """
    with _publishing(app):
        _advance(app, run_id, target).apply_async(retry=False, priority=_BEGUN)


def send_steps(
    app: Celery, run_id: str, counts: Sequence[int], shown: Sequence[str] = (), target: str = ""
) -> None:
    """Send a chord: for each number a message that wakes a worker for so many steps, and `advance` after all of them.

    Workers choose the steps (`migration/ledger/step_claims.py`), so those of other runs may be among them. `shown`
    says for each message what it was sent for, to those who watch the queue.

    Raises:
        BrokerError: the broker does not answer; the messages may have been sent in part.
    """
    run, named = shown_run(run_id, target), _named(target)
    advance = _advance(app, run_id, target).set(priority=_BEGUN)
    headers = [
        _signature(
            app, RUN_STEPS_TASK, COPY_QUEUE, run_id, count, *named, shown=f"{run}, {words}" if words else run
        )
        for count, words in zip_longest(counts, shown, fillvalue="")
    ]
    with _publishing(app):
        # A header that errs (its worker was killed once too often) must move the run on as well.
        chord(headers, app=app)(advance.on_error(advance.clone()))


def send_wake_up_call(app: Celery, run_id: str, target: str = "") -> None:
    """Wake one worker for one step, outside of any chord.

    Raises:
        BrokerError: the broker does not answer.
    """
    with _publishing(app):
        shown = f"{shown_run(run_id, target)}, another worker"
        _signature(app, RUN_STEPS_TASK, COPY_QUEUE, run_id, 1, *_named(target), shown=shown).apply_async(
            retry=False
        )


@contextmanager
def _publishing(app: Celery) -> Iterator[None]:
    """Take whatever goes wrong while a message is sent for what it is: a fault of the broker, which may pass.

    Messages hold ids alone, so nothing of ours can be wrong with them. kombu, redis-py and Celery's result backend
    raise errors of many families; the last one a bare RuntimeError once it has tried for twenty seconds.
    """
    try:
        yield
    except Exception as error:
        raise _unusable(str(app.conf.broker_url), error) from error


@contextmanager
def broker_client(
    url: str, seconds: float = BROKER_CONNECT_SECONDS, retry: Retry | None = None
) -> Iterator[Redis]:
    """Yield a client of a broker, whose waits are bounded; errors of the block are those of the broker.

    Args:
        url: of the broker.
        seconds: for connecting, and for each answer.
        retry: how often to try again; None: as redis-py does.

    Raises:
        BrokerSettingError: the URL is none.
        BrokerError: the broker does not answer, or refuses.
    """
    try:
        client = Redis.from_url(
            url,
            socket_connect_timeout=seconds,
            socket_timeout=seconds,
            decode_responses=True,
            **({} if retry is None else {"retry": retry}),
        )
    except ValueError as error:
        raise BrokerSettingError(
            f"The broker URL is not one: {error}", setting="MIGRATION_BROKER_URL"
        ) from error
    try:
        yield client
    except (RedisError, OSError) as error:
        raise _unusable(url, error) from error
    finally:
        client.close()


def check_broker(url: str) -> None:
    """Make sure that the broker answers.

    Raises:
        BrokerError: it does not.
    """
    with broker_client(url) as client:
        client.ping()


@dataclass(frozen=True, slots=True)
class QueueLengths:
    """Messages that wait for a producer or worker to take them."""

    control: int
    copy: int


def read_queue_lengths(url: str, seconds: float) -> QueueLengths:
    """Return how many messages wait, of all priorities; asks once and waits for so many seconds at most.

    Raises:
        BrokerError: the broker does not answer within them.
    """
    with broker_client(url, seconds, Retry(NoBackoff(), 0)) as client:
        pipe = client.pipeline(transaction=False)
        for queue in (CONTROL_QUEUE, COPY_QUEUE):
            for priority in _PRIORITIES:
                pipe.llen(_list_name(queue, priority))
        found = [int(length) for length in pipe.execute()]
    return QueueLengths(sum(found[: len(_PRIORITIES)]), sum(found[len(_PRIORITIES) :]))


def read_waiting_calls(url: str, run_id: str) -> int:
    """Return for how many steps of a run messages lie in the queue of the workers, among the newest thousands.

    Raises:
        BrokerError: the broker does not answer.
    """
    with broker_client(url) as client:
        pipe = client.pipeline(transaction=False)
        for priority in _PRIORITIES:
            pipe.lrange(_list_name(COPY_QUEUE, priority), 0, _MOST_READ - 1)
        messages = [message for found in pipe.execute() for message in found]
    return sum(_steps_called_for(message, run_id) for message in messages)


def _steps_called_for(message: str, run_id: str) -> int:
    """Return for how many steps of a run a message of kombu's wakes a worker; 0 for one that is not ours."""
    try:
        called, count, *_ = json.loads(b64decode(json.loads(message)["body"]))[0]
        return int(count) if called == run_id else 0
    except (KeyError, TypeError, ValueError):
        return 0


def _list_name(queue: str, priority: int) -> str:
    return f"{queue}{_PRIORITY_SEPARATOR}{priority}" if priority else queue


def broker_address(url: str) -> str:
    """Return where a broker is, without user, password and options.

    >>> broker_address("redis://:secret@cache.example:6379/0?ssl_keyfile=x")
    'redis://cache.example:6379/0'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _unusable(url: str, error: BaseException) -> BrokerError:
    """Return what an error of redis-py, or one that another library has made of it, amounts to."""
    causes = list(_causes(error))
    address = broker_address(url)
    # redis-py counts a refused login among connections that failed.
    if any(isinstance(cause, AuthenticationError) for cause in causes):
        return BrokerError(
            "The message broker refuses the login",
            broker=address,
            remedy="Correct user and password in MIGRATION_BROKER_URL, %-encoded",
        )
    right = next((cause for cause in causes if isinstance(cause, NoPermissionError)), None)
    if right is not None:
        return BrokerError(
            f"The user of the message broker lacks a right: {right}",
            broker=address,
            remedy="Give it the rights that docs/security.md lists",
        )
    handshake = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if handshake is not None:
        reason = ": ".join(
            filter(None, (handshake.reason or str(handshake), getattr(handshake, "verify_message", "")))
        )
        return BrokerError(
            f"The message broker and this process do not agree on TLS: {reason}",
            broker=address,
            remedy=remedy_of_dates(reason.replace("_", " "))
            or "Check scheme (rediss://), ssl_ca_certs, ssl_certfile and ssl_keyfile in MIGRATION_BROKER_URL",
        )
    cause = next((cause for cause in causes if isinstance(cause, ResponseError)), None)
    if cause is not None:
        return BrokerError(
            f"The message broker refuses: {cause}",
            broker=address,
            remedy="Make room for it, on its disk or in its memory; or name the primary in MIGRATION_BROKER_URL",
        )
    return BrokerError(
        "The message broker does not answer",
        broker=address,
        remedy="Start it, or correct MIGRATION_BROKER_URL",
    )
