"""Which PostgreSQL a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from migration.convoy_error import NextStep
from migration.errors import EmbeddedDatabaseError, TargetUrlError, UsageError
from migration.secret_text import remember_secrets, secrets_of_url

if TYPE_CHECKING:
    from migration.settings import Settings
    from producer.embedded.embedded_postgres import EmbeddedPostgres

EMBEDDED = "embedded"
DEFAULT_HOST = "localhost"
DEFAULT_PORT = 5432
DEFAULT_DATABASE = "educational_apps"
DEFAULT_USER = "postgres"


@dataclass(frozen=True, slots=True)
class TargetFlags:
    """The target as it stands on the command line; None: not given."""

    url: str | None = None
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = None
    name: str | None = None
    """Of the file that MIGRATION_TARGETS_FILE names, or `default`."""


@dataclass(frozen=True, slots=True)
class Target:
    """A PostgreSQL, or `embedded`, whose `database` is empty where nobody named one.

    `url` may hold a password that the user wrote into it. `password` came separately and wins nothing over that.
    `flags` names the same target again on a command line, without any password.
    """

    url: str
    database: str
    password: str | None
    flags: tuple[str, ...]
    name: str = ""
    """Of the file of targets; empty where it has none, or is the default target."""

    @property
    def is_embedded(self) -> bool:
        """Whether the command starts the server itself."""
        return self.url == EMBEDDED


def choose_target(flags: TargetFlags, settings: Settings) -> Target:
    """Return the target: flags first, MIGRATION_TARGET_URL next, and PostgreSQL on this machine otherwise.

    Raises:
        UsageError: the flags contradict each other, the URL is not one of PostgreSQL, or no target has the name.
        TargetsFileError: the file of targets cannot be used.
    """
    if flags.name is not None:
        return _named(flags, settings)
    password = flags.password
    if password is None and settings.target_password is not None:
        password = settings.target_password.get_secret_value()
    parts = {"--target-host": flags.host, "--target-port": flags.port, "--target-user": flags.user}
    if flags.url is not None:
        given = [name for name, value in parts.items() if value is not None]
        if flags.database is not None and flags.url != EMBEDDED:
            given.append("--target-db")
        if given:
            raise UsageError(
                f"--target-url replaces {', '.join(given)}",
                remedy="Give one or the other",
                setting="--target-url",
            )
    url = flags.url
    from_settings = False
    if url is None and flags.database is None and not any(value is not None for value in parts.values()):
        stored = settings.target_url
        from_settings = stored is not None
        url = stored.get_secret_value() if stored is not None else None
    if url == EMBEDDED:
        return _embedded(flags.database or "", from_settings=from_settings)
    if url is None:
        url = _build_url(flags)
    elif not url.startswith(("postgresql://", "postgres://")):
        raise TargetUrlError(
            "The target is not a URL of PostgreSQL",
            setting="--target-url" if flags.url is not None else "MIGRATION_TARGET_URL",
            remedy="Write postgresql://user@host:5432/database, or `embedded` for a server of its own",
        )
    from migration.target.target_connection import redact

    remember_secrets((password, *secrets_of_url(url)))
    words = () if from_settings else ("--target-url", redact(url))
    return Target(url, flags.database or "", password, words)


def open_embedded(target: Target, server: EmbeddedPostgres, *, may_make: bool) -> str:
    """Return the URL of an embedded target's database; only what migrates into it may make it.

    Raises:
        EmbeddedDatabaseError: it may not be made, and is not there.
    """
    if may_make:
        return server.ensure_database(target.database or DEFAULT_DATABASE)
    return server.find_database(target.database, DEFAULT_DATABASE)


@contextmanager
def reach(target: Target, settings: Settings) -> Iterator[str]:
    """Yield the libpq URL of a target, with its password; an embedded server runs for that time.

    Raises:
        ConvoyError: the embedded server does not start, or the database that is meant is not in it.
    """
    from migration.target.target_connection import with_password
    from producer.cli.command_interruption import taking_its_time

    if not target.is_embedded:
        yield with_password(target.url, target.password)
        return
    from migration.writable_folders import setting_of_folder
    from producer.embedded.embedded_postgres import EmbeddedPostgres

    if not (settings.embedded_dir / "PG_VERSION").exists():
        raise EmbeddedDatabaseError(
            "There is no embedded database here yet",
            file=str(settings.embedded_dir),
            remedy="Make one with `migration-cli migrate --source FILE --target-url embedded`",
            next_steps=(
                NextStep(
                    "Make an embedded database, by migrating into it",
                    "migration-cli migrate --source FILE --target-url embedded",
                ),
            ),
        )
    server = EmbeddedPostgres(settings.embedded_dir, setting=setting_of_folder(settings, "embedded_dir"))
    server.start()
    try:
        yield open_embedded(target, server, may_make=False)
    finally:
        with taking_its_time():
            server.stop()


def _named(flags: TargetFlags, settings: Settings) -> Target:
    """Return the target of a name, which says all there is to say of it."""
    parts = {
        "--target-url": flags.url,
        "--target-host": flags.host,
        "--target-port": flags.port,
        "--target-db": flags.database,
        "--target-user": flags.user,
        "--target-pass": flags.password,
    }
    given = [name for name, value in parts.items() if value is not None]
    if given:
        raise UsageError(
            f"--target names a target whole, beside {', '.join(given)}",
            remedy="Give one or the other",
            setting="--target",
        )
    from migration.named_targets import NamedTargets

    targets = NamedTargets(settings)
    name = targets.chosen(flags.name)
    found = choose_target(TargetFlags(), targets.settings_of(name))
    return replace(found, flags=("--target", str(flags.name)), name=name)


def _embedded(database: str, *, from_settings: bool) -> Target:
    words = () if from_settings else ("--target-url", EMBEDDED)
    if database not in {"", DEFAULT_DATABASE}:
        words = (*words, "--target-db", database)
    return Target(EMBEDDED, database, None, words)


def _build_url(flags: TargetFlags) -> str:
    host = flags.host or DEFAULT_HOST
    user, database = (
        quote(flags.user or DEFAULT_USER, safe=""),
        quote(flags.database or DEFAULT_DATABASE, safe=""),
    )
    port = flags.port or DEFAULT_PORT
    if host.startswith("/"):  # a folder with the server's socket, as libpq has it
        return f"postgresql://{user}@/{database}?host={quote(host, safe='/')}&port={port}"
    bracketed = f"[{host}]" if ":" in host else host
    return f"postgresql://{user}@{bracketed}:{port}/{database}"
