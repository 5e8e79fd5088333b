"""What the API talks to: the ledger and the broker, each opened at first use.

Neither has to be up when the API starts: processes of a cluster start in any order, and `/readyz` says
when all is there.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from migration.errors import BrokerSettingError, TargetSettingError, UsageError
from migration.ledger.ledger_database import open_ledger
from migration.queue import check_broker, make_app, send_advance
from migration.settings import Settings
from migration.target.target_connection import redact, with_password

if TYPE_CHECKING:
    from celery import Celery
    from sqlalchemy import Engine

logger = logging.getLogger(__name__)


class Cluster:
    """The ledger's engine and the queue of one API process. Methods may be called from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._queue: Celery | None = None

    @property
    def target(self) -> str:
        """URL of the target without its password."""
        url = self.settings.target_url
        return redact(url.get_secret_value()) if url else ""

    def engine(self) -> Engine:
        """Return the engine on the ledger, which is created or upgraded at first use.

        Raises:
            TargetUnreachableError: no target is configured, or it does not answer.
            TargetPermissionError: the role may not create the ledger.
        """
        with self._lock:
            if self._engine is None:
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
                    full_url = with_password(url.get_secret_value(), secret)
                except UsageError as error:  # a mistake of the server's, not of the caller's
                    raise TargetSettingError(
                        error.what, remedy=error.remedy, setting="MIGRATION_TARGET_URL"
                    ) from error
                self._engine = open_ledger(full_url, "convoy api")
            return self._engine

    def _broker_url(self) -> str:
        if not self.settings.broker_url:
            raise BrokerSettingError(
                "The server knows no broker",
                setting="MIGRATION_BROKER_URL",
                remedy="Set MIGRATION_BROKER_URL",
            )
        return self.settings.broker_url

    def check_broker(self) -> None:
        """Raise BrokerError unless the broker answers."""
        check_broker(self._broker_url())

    def send(self, run_id: str) -> None:
        """Wake the producer for a run; the ledger has what it needs to know.

        Raises:
            BrokerError: the broker cannot be reached; the producer's watchdog will find the run by itself.
        """
        self._broker_url()
        with self._lock:
            if self._queue is None:
                self._queue = make_app(self.settings)
        send_advance(self._queue, run_id)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None
            if self._queue is not None:
                self._queue.close()
                self._queue = None


def _cluster(request: Request) -> Cluster:
    cluster: Cluster = request.app.state.cluster
    return cluster


ClusterDep = Annotated[Cluster, Depends(_cluster)]
"""The cluster of the application that a route runs in."""
