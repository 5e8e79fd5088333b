"""Which SQLite databases a command works on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from migration.errors import UsageError
from migration.model import Source
from migration.source.source_path import check_start, local_path


def parse_sources(values: Sequence[str]) -> tuple[Source, ...]:
    """Return the sources named on a command line; local paths become absolute, labels default to the file's stem.

    Raises:
        UsageError: none is named, or two have the same label.
    """
    if not values:
        raise UsageError(
            "No source is named", setting="--source", remedy="Name a SQLite database with --source FILE"
        )
    sources: dict[str, Source] = {}
    for value in values:
        source = _parse(value)
        if source.label in sources:
            raise UsageError(
                f"Two sources have the label {source.label}",
                setting="--source",
                remedy="Name each with a label of its own: --source first=a/app.db --source second=b/app.db",
            )
        sources[source.label] = source
    return tuple(sources.values())


def check_sources(sources: Sequence[Source]) -> None:
    """Look at the local files, so that a typing error costs no start of a cluster.

    Raises:
        SourceError: a file is missing, cannot be read, or is plainly no database.
    """
    for source in sources:
        path = local_path(source.location)
        if path is not None:
            check_start(path, {"source": source.label, "file": path})


def _parse(value: str) -> Source:
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
        stem = PurePosixPath(unquote(urlsplit(location).path)).stem
        return Source(label or stem or location, location)
    absolute = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # a link keeps its own name
    return Source(label or absolute.stem or absolute.name, str(absolute))
