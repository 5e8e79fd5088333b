"""Celery's own logging gives way to Convoy's, in producer and worker alike."""

from __future__ import annotations

from typing import Any

from celery import signals

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

    # A receiver of this signal makes Celery leave the root logger alone.
    signals.setup_logging.connect(set_up, weak=False)
    signals.celeryd_init.connect(greet, weak=False)
