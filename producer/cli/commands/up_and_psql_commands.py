"""The commands around the local servers: `up` and `psql`."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from migration.errors import SettingError
from producer.cli.command_interruption import taking_its_time
from producer.cli.command_options import target_flags, target_or_embedded, verbose_flag, worker_flag
from producer.cli.option_values import worker_count
from producer.cli.target_options import DEFAULT_DATABASE, EMBEDDED, Target, open_embedded

if TYPE_CHECKING:
    from migration.settings import Settings
    from producer.embedded.embedded_cluster import LocalCluster

_FLOWER_PORT = 5555


@click.command(
    epilog="Example: migration-cli up --workers 4",
    short_help="Run a local cluster in the foreground, until Ctrl-C.",
)
@target_flags
@worker_flag
@verbose_flag
def up(workers: int | None, **values: Any) -> int:
    """Run broker, producer, workers, API and Flower in the foreground until Ctrl-C.

    Without a target, PostgreSQL is embedded and keeps its data in .convoy/postgres.
    """
    from pydantic import SecretStr

    from migration.target.target_connection import redact, with_password
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.embedded.embedded_cluster import LocalCluster

    settings = read_settings()
    values.pop("verbose")
    target = target_or_embedded(values, settings)
    if target.password:
        settings = settings.model_copy(update={"target_password": SecretStr(target.password)})
    if not target.is_embedded:
        url = with_password(target.url, target.password)
        with opened_ledger(url):
            pass
    cluster = LocalCluster(
        target=target.url,
        open_database=partial(open_embedded, target, may_make=True),
        workers=worker_count(workers),
        settings=settings,
        on_start=lambda name: click.echo(f"Starting {name} …"),
    )
    try:
        cluster.start()
        with opened_ledger(with_password(cluster.target_url, target.password)):
            pass
        web = _start_web(cluster, settings)
        cluster.wait_ready()
        click.echo(f"PostgreSQL  {redact(cluster.target_url)}")
        click.echo(f"Broker      {redact_broker(cluster.broker_url)}")
        for name, address in web.items():
            click.echo(f"{name:<10}  {address}")
        click.echo(f"Logs        {cluster.logs}")
        click.echo("Ready. Ctrl-C stops everything.")
        while True:
            time.sleep(1.0)
            for name in cluster.check():
                click.echo(f"The local {name} had died and was started again", err=True)
    except KeyboardInterrupt:
        click.echo("\nStopping.", err=True)
        return 0
    finally:
        with taking_its_time():
            cluster.stop()


@click.command(
    epilog="Example: migration-cli psql -c '\\dt'",
    short_help="Look at the embedded database with psql.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--target-db",
    metavar="NAME",
    default="",
    help=f"Database to open.  [default: {DEFAULT_DATABASE}, or the only one]",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(target_db: str, arguments: tuple[str, ...]) -> int:
    """Open psql on the embedded PostgreSQL, which is started for that time. ARGUMENTS go to psql."""
    from producer.cli.cli_settings import read_settings
    from producer.cli.target_options import reach
    from producer.embedded.embedded_postgres import EmbeddedPostgres

    settings = read_settings()
    program = EmbeddedPostgres.programs(settings.embedded_dir) / "bin" / "psql"
    with reach(Target(EMBEDDED, target_db, None, ()), settings) as url:
        # Ctrl-C in psql ends a query there, not this command.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            child = subprocess.Popen(
                [str(program), url, *arguments],
                preexec_fn=_take_interrupts,  # noqa: PLW1509
            )
            return child.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def redact_broker(url: str) -> str:
    """Return a broker's URL without its password."""
    from producer.cli.output.error_output import without_passwords

    return without_passwords(url)


def _take_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _start_web(cluster: LocalCluster, settings: Settings) -> dict[str, str]:
    """Start the API and Flower; return what a user needs to reach them.

    Raises:
        SettingError: the file of Flower's login cannot be read.
    """
    from migration.process_launcher import flower_login

    try:
        own_login = flower_login(os.environ)
    except ValueError as error:
        raise SettingError(str(error), setting="FLOWER_BASIC_AUTH_FILE", remedy="Correct it") from error
    told = {}
    known = next(iter(settings.api_tokens()), None)
    token = known or secrets.token_urlsafe(24)
    if importlib.util.find_spec("api") is not None:
        root = (settings.source_root or Path.cwd()).absolute()
        env = {"MIGRATION_SOURCE_ROOT": str(root)} | ({} if known else {"MIGRATION_API_TOKEN": token})
        cluster.start_program("api", [sys.executable, "-m", "api"], env)
        told["API"] = f"http://{settings.api_host}:{settings.api_port}/  reads databases below {root}"
    if importlib.util.find_spec("flower") is not None:
        login = own_login or f"convoy:{token}"
        port = urlsplit(settings.flower_url).port or _FLOWER_PORT
        cluster.start_program(
            "flower",
            [sys.executable, "-m", "migration.process_launcher", "flower", "-m", "producer.flower_server"],
            {"FLOWER_PORT": str(port), "FLOWER_BASIC_AUTH": login},
        )
        hint = "login as in FLOWER_BASIC_AUTH" if own_login else "user convoy, the token as password"
        told["Flower"] = f"http://127.0.0.1:{port}/  {hint}"
    if known is None:
        told["Token"] = token
    return told
