"""What a command that follows a run needs: the ledger, a queue, and the cluster behind them."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from migration.own_cluster import new_cluster_name
from producer.cli.command_interruption import taking_its_time
from producer.cli.target_options import Target, open_embedded
from producer.embedded.embedded_cluster import LocalCluster

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.settings import Settings
    from producer.embedded.early_start import EarlyStart

# What Celery imports by name when it first sends a message.
_SENDING = (
    *("migration.ledger.ledger_database", "migration.ledger.run_records", "migration.queue"),
    *("celery.app.amqp", "celery.app.events", "celery.backends.redis", "kombu.transport.redis"),
)


@dataclass(slots=True)
class LastSight:
    """How a run goes on as it was last seen, for a server that is away: the command before its id."""

    goes_on_by: str = "resume"


@dataclass(frozen=True, slots=True)
class Session:
    """An open ledger, and the broker of the cluster that works on it. `cluster` is None for one that runs elsewhere.

    `target_url` holds no password. `target_name` is what that cluster calls the target, for its messages.
    """

    engine: Engine
    settings: Settings
    target: Target
    target_url: str
    cluster: LocalCluster | None
    target_name: str = ""
    last_sight: LastSight = field(default_factory=LastSight)

    @property
    def cluster_name(self) -> str:
        """The cluster that alone begins the runs of this command; empty: any that serves everybody."""
        return self.cluster.name if self.cluster is not None else ""

    def send(self, run_id: str) -> None:
        """Ask the producer to move a run on.

        Raises:
            BrokerError: the broker does not answer.
        """
        from migration.queue import make_app, send_advance
        from producer.cli.server_wait_notes import take_note_of_answer

        take_note_of_answer()  # the ledger has the run, and it is the broker's turn
        app = make_app(self.settings)
        try:
            send_advance(app, run_id, self.target_name)
        finally:
            app.close()


@contextmanager
def open_session(
    target: Target,
    settings: Settings,
    workers: int,
    *,
    quiet: bool,
    early: EarlyStart | None = None,
    may_make_database: bool,
    may_make_ledger: bool = True,
) -> Iterator[Session]:
    """Open the ledger on the configured cluster, or on one of its own that runs for the time of the block.

    `may_make_ledger` false: for a run that only a ledger knows that stands.

    Raises:
        BrokerError: the configured broker does not answer.
        UsageError: the configured cluster writes to another database.
        TargetError: PostgreSQL cannot be reached or used.
        LedgerMissingError: there is no ledger, and none may be made.
        ConvoyError: the local cluster does not start.
    """
    if settings.broker_url is not None:
        if early is not None:
            early.close()
        from migration.announced_targets import check_target_is_announced
        from migration.ledger.ledger_database import target_identity
        from migration.queue import check_broker

        check_broker(settings.broker_url)
        with _ledger(target.url, target.password, may_make=may_make_ledger) as (engine, shown):
            name = check_target_is_announced(settings.broker_url, target_identity(engine), shown, target.name)
            yield Session(engine, settings, target, shown, None, name)
        return
    # All of it is on this host, and works for the one target that the command names.
    alone: dict[str, object] = {"stage_url": None}
    if settings.targets_file is not None:
        alone["targets_file"] = Path(os.devnull)  # an empty one, whatever a convoy.toml says to the processes
    settings = settings.model_copy(update=alone)
    if target.is_embedded:
        with (
            _started(
                target, settings, workers, quiet=quiet, early=early, may_make_database=may_make_database
            ) as cluster,
            _ledger(
                cluster.target_url, target.password, cluster.session_patterns, may_make=may_make_ledger
            ) as (engine, shown),
        ):
            yield _session_on(cluster, engine, settings, target, shown)
        return
    # A wrong address should cost no start of a cluster.
    clusters: list[LocalCluster] = []
    with (
        _ledger(target.url, target.password, lambda: _patterns(clusters), may_make=may_make_ledger) as (
            engine,
            shown,
        ),
        _started(target, settings, workers, quiet=quiet, early=early, may_make_database=False) as cluster,
    ):
        clusters.append(cluster)
        yield _session_on(cluster, engine, settings, target, shown)


def _patterns(clusters: list[LocalCluster]) -> list[str]:
    return [pattern for cluster in clusters for pattern in cluster.session_patterns()]


def _session_on(
    cluster: LocalCluster, engine: Engine, settings: Settings, target: Target, shown: str
) -> Session:
    return Session(
        engine, settings.model_copy(update={"broker_url": cluster.broker_url}), target, shown, cluster
    )


@contextmanager
def _started(
    target: Target,
    settings: Settings,
    workers: int,
    *,
    quiet: bool,
    early: EarlyStart | None,
    may_make_database: bool,
) -> Iterator[LocalCluster]:
    """Yield a cluster whose servers answer; its processes may still be importing."""
    cluster = LocalCluster(
        target=target.url,
        open_database=partial(open_embedded, target, may_make=may_make_database),
        workers=workers,
        settings=settings.model_copy(
            update={"target_password": SecretStr(target.password)} if target.password else {}
        ),
        on_start=lambda name: None if quiet else click.echo(f"Starting {name} …", err=True),
        name=new_cluster_name(),
        early=early,
    )
    try:
        cluster.start(meanwhile=_import_libraries, wait_for_forks=False)
        yield cluster
    finally:
        with taking_its_time():
            cluster.stop()


def _import_libraries() -> None:
    """Load what it takes to write a run down and to send it, while the servers start."""
    gc.disable()  # imports make no garbage, and the collector takes a tenth of their time to find none
    try:
        for module in _SENDING:
            import_module(module)
    finally:
        gc.enable()


@contextmanager
def _ledger(
    url: str, password: str | None, others: Callable[[], Sequence[str]] = tuple, *, may_make: bool
) -> Iterator[tuple[Engine, str]]:
    """Yield the engine and the URL without its password; `others`: of whose waits to speak, beside the command's."""
    from migration.target.target_connection import redact, with_password
    from producer.cli.opened_ledger import opened_ledger

    with opened_ledger(with_password(url, password), others, may_make=may_make) as engine:
        yield engine, redact(url)
