"""Celery's own logging gives way to Convoy's, in producer and worker alike."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from celery import signals
from celery.apps import worker as celery_program

from migration.errors import SettingError
from migration.log_output import set_up_logging, uses_json
from migration.process_settings import log_unknown_settings
from migration.settings import Settings
from migration.trace_export import check_tracing


def take_over_logging(settings: Settings, process: str) -> None:
    """Let a Celery worker log as all processes do; its pool children inherit it.

    As JSON, its greeting is left out: whoever reads lines reads nothing else.
    """

    def set_up(loglevel: int | str | None = None, logfile: str | None = None, **_options: object) -> None:
        set_up_logging(settings, process, level=loglevel, file=logfile)

    def say_as_json(words: str, _file: Any = None) -> None:
        """Say what Celery says as it handles a signal: no logger may be called then, which might be in a line."""
        line = {
            "event": words.strip(),
            "level": "info",
            "logger": celery_program.__name__,
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "process": process,
            "pid": os.getpid(),
        }
        os.write(sys.stderr.fileno(), f"{json.dumps(line)}\n".encode())

    def greet(instance: Any, **_options: object) -> None:
        try:
            check_tracing(settings)
        except SettingError as error:
            raise SystemExit(f"error: {error}") from error
        # Celery's warnings about users and settings come before its own set-up.
        set_up_logging(settings, process)
        log_unknown_settings()
        if uses_json(settings):
            instance.quiet = True
            celery_program.safe_say = say_as_json

    # A receiver of this signal makes Celery leave the root logger alone.
    signals.setup_logging.connect(set_up, weak=False)
    signals.celeryd_init.connect(greet, weak=False)
