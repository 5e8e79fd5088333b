"""Signs of life of a producer or worker, for as long as it is there, with or without work.

A thread says a word in the ledger every few seconds, each time on a connection that it closes again: what waits for
work keeps none of the server's connections, and a pool child that is forked meanwhile inherits none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

import psycopg

from migration.convoy_error import ConvoyError
from migration.ledger.process_presence import BEAT_SECONDS, GOODBYE_SQL, SIGN_SQL, ProcessIdentity
from migration.settings import Settings
from migration.steps.step_context import target_url
from migration.target.target_connection import connect

logger = logging.getLogger(__name__)

_FIRST_SECONDS: Final = 0.3
"""A cluster that lives for one small run has better things to do as it starts."""
_AGAIN_SECONDS: Final = 2.0
_GOODBYE_SECONDS: Final = 2.0
_SESSION: Final = "convoy presence"


class SignsOfPresence:
    """The thread. `start` in the process that stays, not in a child that may be replaced.

    Args:
        settings: of the process.
        identity: its name and kind.
        takes_messages: whether it still does what it is there for; a thread lives on in a process that hangs.
        queues: from which queues it takes them now; None while that is not known.
    """

    def __init__(
        self,
        settings: Settings,
        identity: ProcessIdentity,
        takes_messages: Callable[[], bool] = lambda: True,
        queues: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._takes_messages = takes_messages
        self._queues = queues
        self._known_queues: Collection[str] | None = None
        self._was_silent = False
        self._ended = threading.Event()
        self._is_first = True
        self._thread = threading.Thread(target=self._live, name="signs of presence", daemon=True)

    def start(self) -> None:
        """Begin; says nothing to the caller of what goes wrong."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye, if PostgreSQL listens: otherwise the silence says it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_GOODBYE_SECONDS)

    def _live(self) -> None:
        pause_seconds = _FIRST_SECONDS
        while not self._ended.wait(pause_seconds):
            if self._is_silent():
                pause_seconds = _AGAIN_SECONDS
                continue
            try:
                self._say(SIGN_SQL, is_first=self._is_first)
                self._is_first = False
                pause_seconds = BEAT_SECONDS
            except (
                ConvoyError,
                psycopg.Error,
            ) as problem:  # no server yet, or no ledger: its making is not ours
                logger.debug("No sign of life could be given: %s", problem)
                pause_seconds = _AGAIN_SECONDS
        if not self._is_first:
            with suppress(ConvoyError, psycopg.Error):
                self._say(GOODBYE_SQL)

    def _is_silent(self) -> bool:
        silent = not self._takes_messages()
        if silent and not self._was_silent:
            logger.error("This process hangs: it takes no message, and gives no sign of life until it does")
        self._was_silent = silent
        return silent

    def _say(self, statement: str, **more: Any) -> None:
        queues = self._queues()
        self._known_queues = self._known_queues if queues is None else queues
        # It is worth no wait: neither for a disk nor for a standby that is gone.
        with connect(target_url(self._settings), _SESSION, wait_for_disk=False) as connection:
            connection.execute("SET LOCAL statement_timeout = '5s'")
            connection.execute(statement, {**self._identity.announced(self._known_queues), **more})
