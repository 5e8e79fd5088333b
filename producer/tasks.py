"""Control tasks: one message, one call."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from celery import signals

from migration.lasting_consumer import loop_turns, queues_of
from migration.ledger.process_presence import ProcessIdentity, ProcessKind
from migration.log_context import log_fields
from migration.named_targets import NamedTargets
from migration.queue import ADVANCE_TASK
from migration.settings import load_settings
from migration.steps.signs_of_presence import SignsOfPresence
from migration.steps.target_followers import TargetFollowers
from migration.trace_export import start_tracing, stop_tracing
from producer.target_runners import TargetRunners
from producer.watchdog import Watchdog

if TYPE_CHECKING:
    from celery import Celery, Task

logger = logging.getLogger(__name__)


def register(app: Celery) -> None:
    """Give the application its task, and the worker process a watchdog for each target."""
    targets = NamedTargets(load_settings())
    runners = TargetRunners(app, targets)
    watchdogs = TargetFollowers(
        targets, lambda target, settings: Watchdog(runners.runner_on(target, settings))
    )

    @app.task(name=ADVANCE_TASK, bind=True, ignore_result=True)
    def advance(task: Task, run_id: str, target: str = "") -> None:
        with log_fields(task_id=task.request.id, target=target or None):
            runners.advance(run_id, target)

    presence: list[TargetFollowers] = []

    @signals.worker_init.connect(weak=False)
    def trace(**_kwargs: object) -> None:
        start_tracing(load_settings(), "producer")

    @signals.worker_shutdown.connect(weak=False)
    def end_traces(**_kwargs: object) -> None:
        stop_tracing()

    @signals.worker_ready.connect(weak=False)
    def start_watchdog(sender: Any, **_kwargs: object) -> None:
        watchdogs.start()
        producer = sender.controller
        identity = ProcessIdentity(
            ProcessKind.PRODUCER, str(producer.hostname), int(producer.concurrency or 1)
        )
        presence.append(
            TargetFollowers(
                targets,
                lambda _name, settings: SignsOfPresence(
                    settings, identity, loop_turns.are_going_on, partial(queues_of, sender)
                ),
            )
        )
        presence[-1].start()

    @signals.worker_shutting_down.connect(weak=False)
    def stop_watchdog(**_kwargs: object) -> None:
        watchdogs.stop()

    @signals.worker_shutdown.connect(weak=False)
    def say_goodbye(**_kwargs: object) -> None:
        while presence:
            presence.pop().stop()
