"""Copy-queue tasks: decode a message, make one call into the domain for each step it names."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from celery import signals

from migration.queue import RUN_STEPS_TASK
from migration.settings import load_settings
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_step

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)


class Process:
    """The connections of one pool child: opened in it, never before the fork."""

    context: StepContext | None = None

    @classmethod
    def open(cls, hostname: str) -> StepContext:
        """Return the process's context."""
        if cls.context is None:
            cls.context = StepContext(load_settings(), f"{hostname}:{os.getpid()}")
        return cls.context

    @classmethod
    def close(cls, **_kwargs: object) -> None:
        """Close it as the process ends."""
        if cls.context is not None:
            cls.context.close()
            cls.context = None


def register(app: Celery) -> None:
    """Give the application its task."""

    @app.task(name=RUN_STEPS_TASK, bind=True)
    def run_steps(task: object, run_id: str, step_ids: list[int]) -> None:
        hostname = str(task.request.hostname)  # type: ignore[attr-defined]
        for step_id in step_ids:
            try:
                run_step(Process.open(hostname), step_id)
            except Exception:  # the chord must fire; the ledger knows that the step is open
                logger.exception(
                    "Run %s: step %d could not be recorded; the watchdog will send it again", run_id, step_id
                )

    signals.worker_process_shutdown.connect(Process.close, weak=False)
