"""What the API talks to: the ledger and the broker, each opened at first use, and no wait for either without a bound.

Neither has to be up when the API starts: processes of a cluster start in any order, and `/readyz` says
when all is there.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError

from api.ledger_waits import wait_of_sessions
from api.server_watch import LOOK_BOUND_SECONDS, LOOK_SECONDS, NoAnswerError, ServerWatch
from api.wake_up_calls import WakeUpCalls
from migration.convoy_error import ConvoyError
from migration.errors import BrokerSettingError, TargetSettingError, TargetUnreachableError, UsageError
from migration.ledger.disk_room_notices import FullDisk, read_full_disks
from migration.ledger.ledger_database import open_ledger
from migration.ledger.ledger_errors import is_ledger_missing
from migration.ledger.process_presence import PresenceCount, count_alive
from migration.named_targets import DEFAULT_TARGET
from migration.pasted_commands import reaching
from migration.queue import QueueLengths, check_broker, make_app, read_queue_lengths, send_advance
from migration.settings import Settings
from migration.target.session_bounds import SessionBounds
from migration.target.target_connection import PoolSize, make_engine, place_of, redact, with_password

if TYPE_CHECKING:
    from celery import Celery
    from sqlalchemy import Connection, Engine

logger = logging.getLogger(__name__)

_SESSION: Final = "convoy api"
_OPENING: Final = SessionBounds(connect_seconds=3, statement_seconds=60, lock_seconds=0)
"""To create the ledger or upgrade it; in a thread of its own."""
_REQUESTS: Final = SessionBounds(connect_seconds=3, statement_seconds=5, lock_seconds=3)
_LONG_REQUESTS: Final = SessionBounds(connect_seconds=3, statement_seconds=600, lock_seconds=0)
"""Of rollbacks and reports, which count the rows of large tables."""
_LOOKS: Final = SessionBounds(connect_seconds=2, statement_seconds=1, lock_seconds=0.5)
_POOL: Final = PoolSize(kept=4, more=14, wait_seconds=4)
_LONG_POOL: Final = PoolSize(kept=0, more=8, wait_seconds=4)
_LOOKING_POOL: Final = PoolSize(kept=1, more=0, wait_seconds=1)
_OPENING_WAIT_SECONDS: Final = 5.0
_SAME_ANSWER_SECONDS: Final = 0.5
"""Who asks so soon after a failed opening gets the same answer: many ask at once."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What a look at PostgreSQL has found. `alive` is None where the ledger's tables are locked by others."""

    full_disks: tuple[FullDisk, ...]
    alive: PresenceCount | None


class Cluster:
    """One ledger's engine, and the queue of the API process. Methods may be called from several threads.

    Args:
        settings: of the process, with URL and password of the target.
        target_name: empty for the default target.
        queue_of: the cluster of the default target, which has the broker for all; None: this is it.
    """

    def __init__(self, settings: Settings, target_name: str = "", queue_of: Cluster | None = None) -> None:
        self.settings = settings
        self.target_name = target_name
        self.key_turn = threading.Lock()
        """Held by the one request that looks up an Idempotency-Key."""
        self._lock = threading.Lock()
        self._opening: Future[None] | None = None
        self._failed_at = 0.0
        self._engines: dict[SessionBounds, Engine] = {}
        self._queue: Celery | None = None
        self.ledger_watch: ServerWatch[LedgerState] = ServerWatch("look at PostgreSQL", self._look_at_ledger)
        self._has_queue = queue_of is None
        self.broker_watch: ServerWatch[QueueLengths]
        self._calls: WakeUpCalls
        if queue_of is None:
            self.broker_watch = ServerWatch("look at the broker", self._look_at_broker)
            self._calls = WakeUpCalls(self._send)
        else:
            self.broker_watch, self._calls = queue_of.broker_watch, queue_of._calls  # noqa: SLF001 - of its own class

    @property
    def target(self) -> str:
        """URL of the target without its password."""
        url = self.settings.target_url
        return redact(url.get_secret_value()) if url else ""

    def pastable(self, command: str) -> str:
        """Return a command line such that it reaches this target where it has a name; any other line as it is."""
        return reaching(
            command,
            ("--target", self.target_name) if self.target_name else (),
            replaces=bool(self.target_name),
        )

    @property
    def shown_target(self) -> str | None:
        """What answers call the target; None where targets have no names."""
        return (self.target_name or DEFAULT_TARGET) if self.settings.targets_file is not None else None

    @cached_property
    def _full_url(self) -> str:
        url = self.settings.target_url
        if url is None:
            raise TargetSettingError(
                "The server knows no PostgreSQL",
                setting="MIGRATION_TARGET_URL",
                remedy="Set MIGRATION_TARGET_URL",
            )
        password = self.settings.target_password
        secret = password.get_secret_value() if password else None
        try:
            return with_password(url.get_secret_value(), secret)
        except UsageError as error:  # a mistake of the server's, not of the caller's
            raise TargetSettingError(
                error.what, remedy=error.remedy, setting="MIGRATION_TARGET_URL"
            ) from error

    def engine(self) -> Engine:
        """Return the engine on the ledger, which is created or upgraded at first use; its waits are short.

        Raises:
            TargetUnreachableError: no target is configured, or it does not answer.
            TargetPermissionError: the role may not create the ledger.
        """
        return self._engine(_REQUESTS, _POOL)

    def patient_engine(self) -> Engine:
        """Return an engine for what takes as long as there are rows; raises as `engine` does."""
        return self._engine(_LONG_REQUESTS, _LONG_POOL)

    def _engine(self, bounds: SessionBounds, pool: PoolSize) -> Engine:
        self._await_opening()
        with self._lock:
            if bounds not in self._engines:
                self._engines[bounds] = make_engine(self._full_url, _SESSION, bounds=bounds, pool=pool)
            return self._engines[bounds]

    def refuse_silent(self) -> None:
        """Answer at once where the last look has shown that PostgreSQL is silent: the next one is never far.

        Raises:
            TargetUnreachableError: it is.
        """
        opening = self._opening
        if opening is None or not opening.done() or opening.exception() is not None:
            return  # to create or upgrade the ledger may take a while, and who asks meanwhile waits for it
        last = self.ledger_watch.last()
        if last is None or last.problem is None or last.seconds < LOOK_BOUND_SECONDS:
            return
        if isinstance(last.problem, NoAnswerError) or last.age_seconds < LOOK_SECONDS:
            raise self._silent()

    def _silent(self, wait: str = "") -> TargetUnreachableError:
        return TargetUnreachableError(
            f"PostgreSQL does not answer, since it waits for {wait}"
            if wait
            else "PostgreSQL does not answer",
            remedy="Try again once it does; what runs there is in the ledger and goes on by itself",
            **place_of(self._full_url),
        )

    def _await_opening(self) -> None:
        """Have the ledger opened by a thread that may take its time, and wait for it for a few seconds."""
        with self._lock:
            opening = self._opening
            is_over = opening is not None and opening.done() and opening.exception() is not None
            if is_over and time.monotonic() - self._failed_at > _SAME_ANSWER_SECONDS:
                opening = None
            if opening is None:
                self._opening = opening = Future()
                threading.Thread(
                    target=self._open, args=(opening,), name="opens the ledger", daemon=True
                ).start()
        try:
            opening.result(_OPENING_WAIT_SECONDS)
        except NotYetError:
            raise self._silent(wait_of_sessions(self._full_url, _SESSION)) from None

    def _open(self, opening: Future[None]) -> None:
        try:
            open_ledger(self._full_url, _SESSION, bounds=_OPENING).dispose()
        except Exception as error:  # noqa: BLE001 - it is for who waits
            self._failed_at = time.monotonic()
            opening.set_exception(error)
        else:
            opening.set_result(None)

    def _look_at_ledger(self) -> LedgerState:
        self.engine()  # which opens the ledger, where that has not been done
        # One connection of its own, which is not shared with requests: they may have taken all others.
        with self._engine(_LOOKS, _LOOKING_POOL).connect() as connection:
            return LedgerState(read_full_disks(connection), _alive(connection))

    def _look_at_broker(self) -> QueueLengths:
        return read_queue_lengths(self._broker_url(), LOOK_BOUND_SECONDS / 2)

    def _broker_url(self) -> str:
        if not self.settings.broker_url:
            raise BrokerSettingError(
                "The server knows no broker",
                setting="MIGRATION_BROKER_URL",
                remedy="Set MIGRATION_BROKER_URL",
            )
        return self.settings.broker_url

    def send(self, run_id: str) -> bool:
        """Wake the producer for a run; the ledger has what it needs to know.

        Returns:
            Whether the broker has taken the message and new connections, too; one that is silent may do so later.

        Raises:
            BrokerError: the broker cannot be reached; the producer's watchdog will find the run by itself.
        """
        self._broker_url()
        return self._calls.call(run_id, self.target_name)

    def _send(self, run_id: str, target: str) -> None:
        with self._lock:
            if self._queue is None:
                self._queue = make_app(self.settings)
            app = self._queue
        send_advance(app, run_id, target)
        # Sent, maybe, over a connection that was open before. Where no new one comes about any more, who is to take
        # the message may not be there either, and the caller is to know.
        check_broker(self._broker_url())

    def close(self) -> None:
        """Close all connections."""
        self.ledger_watch.stop()
        if self._has_queue:
            self.broker_watch.stop()
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
            if self._queue is not None:
                self._queue.close()
                self._queue = None


def _alive(connection: Connection) -> PresenceCount | None:
    try:
        return count_alive(connection)
    except (
        ConvoyError,
        DBAPIError,
    ) as error:  # others hold the ledger's tables, which says nothing of the server
        if is_ledger_missing(error):
            raise
        logger.debug("Nobody could be counted: %s", error)
        return None


def _cluster(request: Request) -> Cluster:
    cluster: Cluster = request.app.state.cluster
    return cluster


async def ledger_that_answers(request: Request) -> None:
    """Refuse at once what would wait for a ledger that is silent; for routes that read it.

    Where there are several, each is asked by itself (target_clusters.py).
    """
    cluster = _cluster(request)
    if cluster.shown_target is None:
        cluster.refuse_silent()


ClusterDep = Annotated[Cluster, Depends(_cluster)]
"""The cluster of the application that a route runs in, with its default target."""
