"""Which files the API reads: regular files below MIGRATION_SOURCE_ROOT, one by one or by folder, and nothing else.

The caller learns of a path outside the root only that it is outside: whether a file is there is not said.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from api.problem_documents import ProblemError, invalid_request
from api.request_models import MAX_SOURCES
from migration.errors import SourceError
from migration.file_name_text import is_text
from migration.model import Source
from migration.source.source_listing import SourceListing, default_label, list_sources

_UNREADABLE = "The system cannot look at this path: its name is too long, or a folder on the way is closed"
"""Whatever the system says of a path that a caller has made up."""


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
        return _file(_resolve(location, root))
    except _RefusedError as error:
        raise ValueError(*error.args) from None
    except (OSError, UnicodeError):
        raise ValueError(_UNREADABLE) from None


def resolve_listing(location: str, root: Path) -> SourceListing | None:
    """Return what a folder or pattern below `root` stands for; None where the location is neither.

    Links that lead out of the root are passed over like what is no database.

    Raises:
        ValueError: the location is outside the root or is a URL, or no database is there.
    """
    try:
        path = _as_path(location)
        is_pattern = glob.has_magic(path.name)
        real = _resolve(str(path.parent), root) / path.name if is_pattern else _resolve(location, root)
        real_root = root.resolve()
        return list_sources(real, lambda entry: _is_below(entry, real_root))
    except _RefusedError as error:
        raise ValueError(*error.args) from None
    except SourceError as error:
        raise ValueError(error.what) from None
    except (OSError, UnicodeError):
        raise ValueError(_UNREADABLE) from None


def _is_below(entry: Path, real_root: Path) -> bool:
    try:
        return entry.resolve().is_relative_to(real_root)
    except (OSError, RuntimeError):  # a loop of links
        return False


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
    if not is_text(str(real)):
        raise _RefusedError("The name of this file, or of a folder on the way, is no UTF-8; rename it first")
    return real


def _file(real: Path) -> Path:
    if not real.is_file():
        raise _RefusedError("The path is a folder or a device, and not a SQLite file")
    return real


def _tell_nobody(_line: str) -> None:
    """Say nothing."""


def resolve_sources(
    wanted: Sequence[tuple[str, str | None]], root: Path | None, tell: Callable[[str], None] = _tell_nobody
) -> tuple[Source, ...]:
    """Return the sources of a request, given as pairs of location and label (None: the file's name).

    A folder or pattern stands for the databases there; `tell` gets a line on what is passed over.

    Raises:
        ProblemError: 403 where the server has no root, 422 where a source cannot be used.
    """
    if root is None:
        raise ProblemError(
            "sources-disabled",
            "This server reads no sources, because MIGRATION_SOURCE_ROOT is not set. Set it, and start the API anew.",
        )
    sources: list[Source] = []
    wrong: list[tuple[str, str]] = []
    labels: set[str] = set()
    for position, (location, wanted_label) in enumerate(wanted):
        pointer = f"#/sources/{position}"
        try:
            listing = resolve_listing(location, root)
            paths = (resolve_location(location, root),) if listing is None else listing.databases
        except ValueError as error:
            wrong.append((pointer, str(error)))
            continue
        if wanted_label and len(paths) > 1:
            wrong.append((pointer, f"One label is given to {len(paths)} files; leave it away"))
            continue
        if listing is not None and listing.sentence:
            tell(listing.sentence)
        for path in paths:
            label = wanted_label or default_label(path.name) or path.name
            if label in labels:
                wrong.append((pointer, f"Another source has the label {label!r}; give each its own"))
            labels.add(label)
            sources.append(Source(label=label, location=str(path.resolve()), is_followed=True))
    if len(sources) > MAX_SOURCES:
        wrong.append(("#/sources", f"These are {len(sources):,} databases; a run takes {MAX_SOURCES}"))
    if wrong:
        raise invalid_request(wrong)
    return tuple(sources)
