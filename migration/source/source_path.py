"""Sources that are files here, and why one cannot be read. Imports nothing heavy: the command line looks first."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from migration.convoy_error import Place
from migration.errors import SourceNotFoundError, SourcePermissionError, SourceUnreadableError, UsageError
from migration.file_name_text import is_text
from migration.secret_text import without_secrets
from migration.source.integrity_check import SAMPLE_BYTES
from migration.source.regular_file import open_regular
from migration.source.unpacking.compressed_stream import inner_format
from migration.source.unpacking.source_formats import recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def local_path(location: str) -> str | None:
    """Return the file path that a location means, or None for a remote URL.

    Raises:
        UsageError: it looks like a URL, and is none.
    """
    if location.startswith("file:"):
        return unquote(_parts(location).path)
    if "://" not in location:
        return location
    _parts(location)
    return None


def _parts(location: str) -> SplitResult:
    try:
        return urlsplit(location)
    except ValueError as error:
        raise UsageError(
            f"The source {without_secrets(location)} is not a URL: {error}",
            setting="--source",
            remedy="Write it as your browser shows it",
        ) from error


def check_name(path: str, place: Place) -> None:
    """Make sure that a path can be stored in the ledger and shown.

    Raises:
        SourceUnreadableError: its name, or that of a folder on the way, is no UTF-8.
    """
    if not is_text(path):
        raise SourceUnreadableError(
            "The name of this file, or of a folder on the way, is no UTF-8", remedy="Rename it first", **place
        )


def checked_path(path: str, place: Place) -> Path:
    """Return the file itself that a path leads to; `place` is what the user calls it.

    Raises:
        SourceNotFoundError: there is no such file.
        SourceUnreadableError: a directory, or another thing that is no file; or its name is no UTF-8.
    """
    try:
        # A link is followed, because log and journal lie beside the file itself.
        original = Path(path).expanduser().resolve()
    except RuntimeError as error:  # a loop of links, or a user without a home
        raise SourceNotFoundError(
            "There is no such file", remedy="Check the path given as --source", **place
        ) from error
    check_name(path, place)
    check_name(str(original), place)
    if original.is_dir():
        raise SourceUnreadableError(
            "This is a directory, not a database", remedy="Name a file in it", **place
        )
    if original.exists() and not original.is_file():
        raise SourceUnreadableError(
            "This is not a regular file", remedy="Copy the database to a file first", **place
        )
    if not original.exists():
        raise SourceNotFoundError("There is no such file", remedy="Check the path given as --source", **place)
    return original


def check_start(path: str, place: Place) -> None:
    """Make sure that a path leads to a file that begins like a database or a dump, unpacked if need be.

    An empty file is a database, as SQLite allows.

    Raises:
        SourceNotFoundError, SourceUnreadableError: see `checked_path` and `readable`.
        SourceCompressionError: it cannot be unpacked.
        SourceError: see `recognise`.
    """
    with readable(place):
        original = checked_path(path, place)
        with open_regular(original) as file:
            start = file.read(SAMPLE_BYTES)
        kind = recognise(start, original.stat().st_size, place)
        if kind.is_compressed:
            inner_format(original, kind, place)


@contextmanager
def readable(place: Place) -> Iterator[None]:
    """Say in the words of this project why a file cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceNotFoundError(
            "There is no such file", remedy="Check the path given as --source", **place
        ) from error
    except PermissionError as error:
        raise SourcePermissionError(
            "There is no permission to read the file",
            remedy="Give this user the right to read it and its folder",
            **place,
        ) from error
    except OSError as error:
        raise SourceUnreadableError(
            f"The file cannot be copied: {error.strerror or error}",
            remedy="Check the disk and the space on it",
            **place,
        ) from error


def without_credentials(location: str) -> str:
    """Return a location fit for a message: no user, password or query of a URL."""
    if local_path(location) is not None:
        return location
    parts = urlsplit(location)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def public_location(location: str) -> str:
    """Return a location that may be kept: as it is, unless something secret stands in it.

    >>> public_location("https://host/a.db?download=1"), public_location("https://host/a.db?token=abc")
    ('https://host/a.db?download=1', 'https://host/a.db')
    """
    if local_path(location) is not None:
        return location
    has_login = "@" in urlsplit(location).netloc
    return (
        location if not has_login and without_secrets(location) == location else without_credentials(location)
    )


def full_location(location: str, known: Iterable[str]) -> str:
    """Return the one of the known URLs that a kept location stands for; the location itself where there is none."""
    return next((url for url in known if public_location(url) == location), location)
