"""Copy-queue tasks: decode a message, make one call into the domain."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import signals

from migration.errors import BrokerError, TargetUnreachableError
from migration.lasting_consumer import loop_turns, queues_of
from migration.ledger.process_presence import ProcessIdentity, ProcessKind
from migration.log_context import log_fields
from migration.named_targets import NamedTargets
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.queue import RUN_STEPS_TASK, send_return, send_wake_up_call
from migration.secret_text import without_secrets
from migration.settings import load_settings
from migration.steps.signs_of_presence import SignsOfPresence
from migration.steps.target_followers import TargetFollowers
from migration.steps.wake_up_call import Callers, answer_call
from migration.trace_export import start_tracing, stop_tracing
from worker.target_contexts import TargetContexts
from worker.task_notes import StepsFailedError, TaskNotes

if TYPE_CHECKING:
    from celery import Celery, Task

logger = logging.getLogger(__name__)


class Process:
    """The connections of one pool child: opened in it, never before the fork."""

    contexts: TargetContexts | None = None
    notes = TaskNotes()

    @classmethod
    def open(cls, hostname: str) -> TargetContexts:
        """Return the process's connections."""
        if cls.contexts is None:
            observers = STANDARD_OBSERVERS.with_also(cls.notes)
            cls.contexts = TargetContexts(load_settings(), f"{hostname}:{os.getpid()}", observers)
        return cls.contexts

    @classmethod
    def close(cls, **_kwargs: object) -> None:
        """Close it as the process ends."""
        if cls.contexts is not None:
            cls.contexts.close()
            cls.contexts = None
        stop_tracing()


def register(app: Celery) -> None:
    """Give the application its task."""

    def call_producer(run_id: str, target: str) -> None:
        with _lost_calls_logged(run_id):
            send_return(app, run_id, target)

    def call_worker(run_id: str, target: str) -> None:
        with _lost_calls_logged(run_id):
            send_wake_up_call(app, run_id, target)

    # Nobody asks for the result: those who watch the queue see it in the task's last event.
    @app.task(name=RUN_STEPS_TASK, bind=True, ignore_result=True, throws=(StepsFailedError,))
    def run_steps(task: Task, run_id: str, count: int, target: str = "") -> str:  # noqa: ARG001 - for those who watch the queue
        contexts = Process.open(str(task.request.hostname))
        redelivered = bool((task.request.delivery_info or {}).get("redelivered"))
        callers = Callers(partial(call_producer, target=target), partial(call_worker, target=target))
        with log_fields(task_id=task.request.id, target=target or None), Process.notes.of_one_task():
            try:
                with contexts.at_work(target) as context, log_fields(worker=context.worker):
                    answer_call(context, count, callers, in_place_of_the_dead=redelivered)
            except (
                TargetUnreachableError
            ) as error:  # no such name here, or a silent server, where there are others
                logger.error("%s; the watchdog will have it sent again", str(error).rstrip("."))  # noqa: TRY400
                raise StepsFailedError(without_secrets(str(error))) from None
            return Process.notes.result()

    signals.worker_process_init.connect(_start_tracing, weak=False)
    signals.worker_process_shutdown.connect(Process.close, weak=False)
    presence: list[TargetFollowers] = []

    @signals.worker_ready.connect(weak=False)
    def begin_signs(sender: Any, **_kwargs: object) -> None:  # in the process that forks the pool
        worker = sender.controller
        identity = ProcessIdentity(ProcessKind.WORKER, str(worker.hostname), int(worker.concurrency or 1))
        targets = NamedTargets(load_settings())
        presence.append(
            TargetFollowers(
                targets,
                lambda _name, settings: SignsOfPresence(
                    settings, identity, loop_turns.are_going_on, partial(queues_of, sender)
                ),
            )
        )
        presence[-1].start()

    @signals.worker_shutdown.connect(weak=False)
    def say_goodbye(**_kwargs: object) -> None:
        while presence:
            presence.pop().stop()


def _start_tracing(**_kwargs: object) -> None:
    """In the pool child, after the fork: the thread that sends would not have come along."""
    start_tracing(load_settings(), "worker")


@contextmanager
def _lost_calls_logged(run_id: str) -> Iterator[None]:
    """Let a call that the broker does not take be: the watchdog finds by itself what is to be done."""
    try:
        yield
    except BrokerError as error:
        logger.warning("Run %s: nobody could be called; the watchdog will look: %s", run_id, error)
