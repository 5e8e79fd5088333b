"""Sources that are not here: each is fetched to a file first."""

from __future__ import annotations

import urllib.error
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import fsspec

from migration.convoy_error import NextStep, Place
from migration.errors import SourceError, SourceFetchError, SourceNotFoundError
from migration.source.snapshots.bounded_download import BoundedDownload, open_http
from migration.source.snapshots.fetch_words import fetch_reason, with_proxy
from migration.source_form_errors import SourceTooLargeError, SourceTooSlowError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migration.source.source_budget import SourceBudget

_COPY_BYTES: Final = 1 << 20
_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")


def fetch(location: str, folder: Path, place: Place, budget: SourceBudget) -> Path:
    """Download a remote database into `folder`, with its write-ahead log if one lies beside it; return its path.

    `place` is what the user calls the source, without credentials.

    Raises:
        SourceNotFoundError: there is nothing at that URL.
        SourceTooLargeError, SourceTooSlowError: more comes than the budget allows, or it comes too slowly.
        SourceFetchError: no access, no connection, a broken transfer, or no driver for that kind of URL.
    """
    main = folder / "source.db"
    _download(location, main, place, budget)
    log = folder / "source.db-wal"
    parts = urlsplit(location)
    try:
        _download(urlunsplit(parts._replace(path=parts.path + "-wal")), log, place, budget)
    except SourceError:
        log.unlink(missing_ok=True)  # the normal case: a database at rest has no log
    else:
        with log.open("rb") as file:
            is_log = file.read(4) in _WAL_MAGIC
        if not is_log:  # some web servers answer every address with a page
            log.unlink()
    return main


def _download(location: str, path: Path, place: Place, budget: SourceBudget) -> None:
    scheme = urlsplit(location).scheme.lower()
    download = BoundedDownload(budget)
    expected_bytes: int | None = None
    try:
        if scheme in {"http", "https"}:
            with open_http(location, download) as response:
                length = response.headers.get("Content-Length")
                expected_bytes = int(length) if length is not None else None
                _write(download.pieces(response.read1, expected_bytes), path)
        else:
            filesystem, inner = fsspec.core.url_to_fs(location)
            expected_bytes = filesystem.info(inner).get("size")
            with filesystem.open(inner, "rb") as remote:
                _write(download.pieces(remote.read, expected_bytes), path)
    except Exception as error:
        raise _refused(error, download, location, place) from error
    received_bytes = path.stat().st_size
    if expected_bytes is not None and received_bytes != expected_bytes:
        raise SourceFetchError(
            f"The transfer broke off: {received_bytes} bytes of {expected_bytes}",
            remedy=with_proxy("Try again", location),
            **place,
        )


def _write(pieces: Iterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def _refused(error: Exception, download: BoundedDownload, location: str, place: Place) -> SourceError:
    """Return what ended a download. Every storage library behind fsspec brings its own family of errors."""
    scheme = urlsplit(location).scheme.lower()
    if download.is_too_large:
        return SourceTooLargeError(
            f"The URL brings more than {download.most_bytes:,} bytes",
            remedy=with_proxy(
                "Where the file is yours, allow more with MIGRATION_SOURCE_FETCHED_BYTES", location
            ),
            **place,
        )
    if download.is_too_slow:
        return SourceTooSlowError(
            f"The URL has brought {download.received_bytes:,} bytes in {download.elapsed_seconds:,.0f} s",
            remedy=with_proxy("Download it first, or give it longer with MIGRATION_SOURCE_SECONDS", location),
            **place,
        )
    if isinstance(error, urllib.error.HTTPError):
        with error:
            if error.code not in {404, 410}:
                return SourceFetchError(
                    f"The server answers {error.code} {error.reason}",
                    remedy=with_proxy(
                        "Check the URL and the rights of its user; one with a password or a signature is kept out"
                        " of the ledger, so whoever fetches it later needs it whole in MIGRATION_SOURCE_URLS",
                        location,
                    ),
                    **place,
                )
    if isinstance(error, FileNotFoundError | urllib.error.HTTPError):
        remedy = with_proxy("Check the URL", location)
        return SourceNotFoundError("There is no such file", remedy=remedy, **place)
    if isinstance(error, ImportError):
        driver = _DRIVERS.get(scheme)
        return SourceFetchError(
            f"Reading {scheme}:// needs a package that is not installed: {error}",
            remedy="Install it with pip (s3:// needs s3fs, gs:// needs gcsfs), or download the file first",
            next_steps=(NextStep("Install what reads such URLs", f"pip install {driver}"),) if driver else (),
            **place,
        )
    return SourceFetchError(
        f"The file cannot be fetched: {fetch_reason(error)}",
        remedy=with_proxy("Check URL, credentials and network, or download it first", location),
        **place,
    )
