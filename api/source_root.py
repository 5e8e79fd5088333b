"""Which files the API reads: regular files below MIGRATION_SOURCE_ROOT, and nothing else.

The caller learns of a path outside the root only that it is outside: whether a file is there is not said.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

from api.problem_documents import ProblemError, invalid_request
from migration.model import Source


class _RefusedError(Exception):
    """A location that cannot be used; the message is a sentence without its full stop."""


def _as_path(location: str) -> Path:
    """Return the path that a location names: a plain path, or a local file:// URL."""
    if "\0" in location:
        raise _RefusedError("A path holds no NUL character")
    if "://" not in location:
        return Path(location)
    parts = urlsplit(location)
    if parts.scheme != "file":
        raise _RefusedError(
            f"This server reads files below its source root only, and no {parts.scheme}:// URL; "
            "put the database there and name its path"
        )
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
        raise _RefusedError("A file:// URL names a path on this server, without host, query or fragment")
    return Path(unquote(parts.path))


def resolve_location(location: str, root: Path) -> Path:
    """Return the real path of a source, which is a file below `root`; relative paths start there.

    Raises:
        ValueError: the location is outside the root, is no file, or is a URL that the server does not read.
    """
    try:
        return _resolve(location, root)
    except _RefusedError as error:
        raise ValueError(*error.args) from None


def _resolve(location: str, root: Path) -> Path:
    path = _as_path(location)
    if ".." in path.parts:
        raise _RefusedError("A path may not hold `..`")
    real_root = root.resolve()
    # Symbolic links are followed before the comparison, so that a link cannot lead out of the root.
    try:
        real = (real_root / path).resolve()
    except (OSError, RuntimeError):  # a loop of links
        raise _RefusedError("The path cannot be followed") from None
    if not real.is_relative_to(real_root):
        raise _RefusedError("The path is not below the server's source root")
    if not real.exists():
        raise _RefusedError("There is no such file below the server's source root")
    if not real.is_file():
        raise _RefusedError("The path is a folder or a device, and not a SQLite file")
    return real


def resolve_sources(wanted: Sequence[tuple[str, str | None]], root: Path | None) -> tuple[Source, ...]:
    """Return the sources of a request, given as pairs of location and label (None: the file's name).

    Raises:
        ProblemError: 403 where the server has no root, 422 where a source cannot be used.
    """
    if root is None:
        raise ProblemError(
            "sources-disabled",
            HTTPStatus.FORBIDDEN,
            "This server reads no sources, because MIGRATION_SOURCE_ROOT is not set.",
        )
    sources: list[Source] = []
    wrong: list[tuple[str, str]] = []
    labels: set[str] = set()
    for position, (location, wanted_label) in enumerate(wanted):
        pointer = f"#/sources/{position}"
        try:
            path = resolve_location(location, root)
        except ValueError as error:
            wrong.append((pointer, str(error)))
            continue
        label = wanted_label or path.stem
        if label in labels:
            wrong.append((pointer, f"Another source has the label {label!r}; give each its own"))
        labels.add(label)
        sources.append(Source(label=label, location=str(path)))
    if wrong:
        raise invalid_request(wrong)
    return tuple(sources)
