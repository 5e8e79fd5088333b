"""What a command that follows a run needs: the ledger, a queue, and the cluster behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from migration.ledger.store import open_ledger
from migration.queue import check_broker, make_app, send_advance
from migration.target.connect import redact, with_password
from producer.cli.target import Target
from producer.local.cluster import LocalCluster

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.settings import Settings


@dataclass(frozen=True, slots=True)
class Session:
    """An open ledger, and the broker of the cluster that works on it. `cluster` is None for one that runs elsewhere.

    `target_url` holds no password.
    """

    engine: Engine
    settings: Settings
    target: Target
    target_url: str
    cluster: LocalCluster | None

    def send(self, run_id: str) -> None:
        """Ask the producer to move a run on.

        Raises:
            BrokerError: the broker does not answer.
        """
        app = make_app(self.settings)
        try:
            send_advance(app, run_id)
        finally:
            app.close()


@contextmanager
def open_session(target: Target, settings: Settings, workers: int, *, quiet: bool) -> Iterator[Session]:
    """Open the ledger on the configured cluster, or on one of its own that runs for the time of the block.

    Raises:
        BrokerError: the configured broker does not answer.
        TargetError: PostgreSQL cannot be reached or used.
        ConvoyError: the local cluster does not start.
    """
    if settings.broker_url is not None:
        check_broker(settings.broker_url)
        with _ledger(with_password(target.url, target.password)) as engine:
            yield Session(engine, settings, target, redact(target.url), None)
        return
    if not target.is_embedded:
        # A wrong address should cost no start of a cluster.
        open_ledger(with_password(target.url, target.password)).dispose()
    cluster = LocalCluster(
        target=target.url,
        database=target.database,
        workers=workers,
        settings=settings.model_copy(
            update={"target_password": SecretStr(target.password)} if target.password else {}
        ),
        on_start=lambda name: None if quiet else click.echo(f"Starting {name} …", err=True),
    )
    try:
        cluster.start_servers()
        with _ledger(with_password(cluster.target_url, target.password)) as engine:
            cluster.start_processes()
            local = settings.model_copy(update={"broker_url": cluster.broker_url})
            yield Session(engine, local, target, redact(cluster.target_url), cluster)
    finally:
        cluster.stop()


@contextmanager
def _ledger(url: str) -> Iterator[Engine]:
    engine = open_ledger(url, "convoy cli")
    try:
        yield engine
    finally:
        engine.dispose()
