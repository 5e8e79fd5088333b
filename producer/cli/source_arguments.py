"""Which SQLite databases a command works on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click
from pydantic import SecretStr

from migration.errors import UsageError
from migration.model import Source
from migration.secret_text import ESCAPE_IT, has_bare_password, remember_secrets
from migration.source.source_listing import default_label, list_sources
from migration.source.source_path import check_name, check_start, local_path, public_location

if TYPE_CHECKING:
    from migration.settings import Settings


def _tell_user(line: str) -> None:
    click.echo(line, err=True)


def parse_sources(values: Sequence[str], *, tell: Callable[[str], None] = _tell_user) -> tuple[Source, ...]:
    """Return the sources named on a command line; local paths become absolute, labels default to the file's stem.

    A folder or pattern stands for the databases there; `tell` gets a line on what is passed over.

    Raises:
        UsageError: none is named, a URL's password is not escaped, two have the same label, or several files have one.
        SourceNotFoundError: a folder or pattern stands for no database.
        SourceUnreadableError: a folder cannot be read, or a name is no UTF-8.
    """
    if not values:
        raise UsageError(
            "No source is named", setting="--source", remedy="Name a SQLite database with --source FILE"
        )
    if any(map(has_bare_password, values)):
        raise UsageError(
            "The URL of a source cannot be read as it is meant",
            setting="--source",
            remedy=ESCAPE_IT[:1].upper() + ESCAPE_IT[1:],
        )
    sources: dict[str, Source] = {}
    for source in (source for value in values for source in _parse(value, tell)):
        if source.label in sources:
            raise UsageError(
                f"Two sources have the label {source.label}",
                setting="--source",
                remedy="Name each with a label of its own: --source first=a/app.db --source second=b/app.db",
            )
        sources[source.label] = source
    return tuple(sources.values())


def without_credentials_kept(
    sources: Sequence[Source], settings: Settings
) -> tuple[tuple[Source, ...], Settings]:
    """Return the sources as the ledger may keep them, and settings with the URLs that a local cluster fetches them by.

    Raises:
        UsageError: a URL has a password or a signature, and a cluster that runs elsewhere is to fetch it: the ledger
            would hand it on in clear.
    """
    kept = tuple(replace(source, location=public_location(source.location)) for source in sources)
    secret = [given for given, public in zip(sources, kept, strict=True) if given.location != public.location]
    if not secret:
        return kept, settings
    if settings.broker_url is not None:
        raise UsageError(
            "The URL of a source has a password or a signature, which the ledger does not keep",
            setting="--source",
            source=secret[0].label,
            remedy="Give the whole URL to the producer, in MIGRATION_SOURCE_URLS or MIGRATION_SOURCE_URLS_FILE,"
            " and name it here without; or unset MIGRATION_BROKER_URL to run on a local cluster",
        )
    known = settings.source_urls.get_secret_value().split() if settings.source_urls is not None else []
    urls = SecretStr("\n".join([*(source.location for source in secret), *known]))
    whole = settings.model_copy(update={"source_urls": urls})
    remember_secrets(whole.secrets())
    return kept, whole


def check_sources(sources: Sequence[Source]) -> None:
    """Look at the local files, so that a typing error costs no start of a cluster.

    Raises:
        SourceError: a file is missing, cannot be read, or is plainly no database.
    """
    for source in sources:
        path = local_path(source.location)
        if path is not None:
            check_start(path, {"source": source.label, "file": path})


def _parse(value: str, tell: Callable[[str], None]) -> list[Source]:
    check_name(value, {"setting": "--source", "file": value})
    label, separator, location = value.partition("=")
    if not separator or "/" in label or os.sep in label or "?" in label or Path(value).exists():
        label, location = "", value
    if not location:
        raise UsageError(
            "A source has no path",
            setting="--source",
            source=label,
            remedy="Write --source FILE or --source label=FILE",
        )
    path = local_path(location)
    if path is None:
        name = PurePosixPath(unquote(urlsplit(location).path)).name
        return [Source(label or default_label(name) or location, location)]
    absolute = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # a link keeps its own name
    listing = list_sources(absolute)
    files = (absolute,) if listing is None else listing.databases
    if label and len(files) > 1:
        raise UsageError(
            f"The label {label} is given to {len(files)} files",
            setting="--source",
            file=str(absolute),
            remedy="Leave the label away, so that each has its own name, or name the files one by one",
        )
    if listing is not None and listing.sentence:
        tell(listing.sentence)
    return [Source(label or default_label(file.name) or file.name, str(file)) for file in files]
