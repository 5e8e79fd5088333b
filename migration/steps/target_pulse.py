"""Whether a target answers, for processes that serve several: one that is silent must not hold up the others.

A server that refuses says so at once, and a lost connection ends what waits for it. One that is stopped, or a network
that swallows what is sent, says nothing, and a step would wait for it until its time limit. With one target there is
nothing better to do; with several, others wait for the process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from migration.convoy_error import ConvoyError
from migration.errors import TargetUnreachableError
from migration.target.session_bounds import SessionBounds
from migration.target.target_connection import connect, place_of

logger = logging.getLogger(__name__)

_LOOK: Final = SessionBounds(connect_seconds=3, statement_seconds=2, lock_seconds=0)
_SILENT_FROM_SECONDS: Final = 1.9
"""A look that fails sooner has had an answer, if only a refusal."""
_BELIEVED_SECONDS: Final = 5.0
"""So long after an answer no other one is waited for."""
_SILENT_FOR_SECONDS: Final = 10.0
"""So long after a silence it is not waited for again: many messages may be about the same target."""
_BETWEEN_LOOKS_SECONDS: Final = 5.0
_LOST_STATUS: Final = 75
"""EX_TEMPFAIL of sysexits.h."""


class TargetPulse:
    """What this process knows of which target answers. Methods may be called from several threads."""

    def __init__(self) -> None:
        self._answered_at: dict[str, float] = {}
        self._silent_at: dict[str, float] = {}

    def refuse_silent(self, url: str) -> None:
        """Make sure that a target is not silent; what refuses or is down is for the work itself to say.

        Args:
            url: with its password.

        Raises:
            TargetUnreachableError: it is silent.
        """
        now = time.monotonic()
        if now - self._answered_at.get(url, -_BELIEVED_SECONDS) < _BELIEVED_SECONDS:
            return
        if now - self._silent_at.get(url, -_SILENT_FOR_SECONDS) < _SILENT_FOR_SECONDS or self._is_silent(url):
            raise TargetUnreachableError(
                "PostgreSQL does not answer",
                remedy="The run goes on by itself once it does",
                **place_of(url),
            )

    @contextmanager
    def watched(self, url: str, patience_seconds: float, on_silence: Callable[[], None]) -> Iterator[None]:
        """Call somebody, from another thread, once a target has been silent for so long while the block runs."""
        ended = threading.Event()
        arguments = (ended, url, patience_seconds, on_silence)
        threading.Thread(target=self._watch, args=arguments, name="target pulse", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _watch(
        self, ended: threading.Event, url: str, patience_seconds: float, on_silence: Callable[[], None]
    ) -> None:
        silent_since: float | None = None
        while not ended.wait(min(_BETWEEN_LOOKS_SECONDS, patience_seconds / 3)):
            asked = time.monotonic()
            if not self._is_silent(url):
                silent_since = None
                continue
            silent_since = asked if silent_since is None else silent_since
            if time.monotonic() - silent_since >= patience_seconds and not ended.is_set():
                on_silence()
                return

    def _is_silent(self, url: str) -> bool:
        asked = time.monotonic()
        try:
            with connect(url, "convoy pulse", bounds=_LOOK) as connection:
                connection.execute("SELECT 1")
        except (ConvoyError, psycopg.Error) as error:
            if time.monotonic() - asked >= _SILENT_FROM_SECONDS:
                logger.debug("A target is silent: %s", error)
                self._silent_at[url] = time.monotonic()
                return True
        self._answered_at[url] = time.monotonic()
        return False


def leave_to_others(sentence: str) -> None:
    """End this pool child, which cannot be called back from where it waits: its message is delivered again.

    What it had in hand is as after any death of a worker: not committed, and another one's turn.
    """
    logger.error("%s", sentence)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(_LOST_STATUS)
