"""Sources that are not here: each is fetched to a file first."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from base64 import b64encode
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

import fsspec

from migration.convoy_error import NextStep, Place
from migration.errors import SourceError, SourceFetchError, SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_COPY_BYTES = 1 << 20
_TIMEOUT_SECONDS = 60
_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")


def fetch(location: str, folder: Path, place: Place) -> Path:
    """Download a remote database into `folder`, with its write-ahead log if one lies beside it; return its path.

    `place` is what the user calls the source, without credentials.

    Raises:
        SourceNotFoundError: there is nothing at that URL.
        SourceFetchError: no access, no connection, a broken transfer, or no driver for that kind of URL.
    """
    main = folder / "source.db"
    _download(location, main, place)
    log = folder / "source.db-wal"
    parts = urlsplit(location)
    try:
        _download(urlunsplit(parts._replace(path=parts.path + "-wal")), log, place)
    except SourceError:
        log.unlink(missing_ok=True)  # the normal case: a database at rest has no log
    else:
        with log.open("rb") as file:
            is_log = file.read(4) in _WAL_MAGIC
        if not is_log:  # some web servers answer every address with a page
            log.unlink()
    return main


def _download(location: str, path: Path, place: Place) -> None:
    scheme = urlsplit(location).scheme.lower()
    opener: Callable[[str], tuple[BinaryIO, int | None]] = (
        _open_http if scheme in {"http", "https"} else _open_fsspec
    )
    try:
        remote, expected_bytes = opener(location)
        with remote, path.open("wb") as file:
            shutil.copyfileobj(remote, file, _COPY_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {404, 410}:
                raise SourceNotFoundError("There is no such file", remedy="Check the URL", **place) from error
            raise SourceFetchError(
                f"The server answers {error.code} {error.reason}",
                remedy="Check the URL and the rights of its user; one with a password or a signature is kept out of the"
                " ledger, so whoever fetches it later needs it whole in MIGRATION_SOURCE_URLS",
                **place,
            ) from error
    except FileNotFoundError as error:
        raise SourceNotFoundError("There is no such file", remedy="Check the URL", **place) from error
    except ImportError as error:
        driver = _DRIVERS.get(scheme)
        raise SourceFetchError(
            f"Reading {scheme}:// needs a package that is not installed: {error}",
            remedy="Install it with pip (s3:// needs s3fs, gs:// needs gcsfs), or download the file first",
            next_steps=(NextStep("Install what reads such URLs", f"pip install {driver}"),) if driver else (),
            **place,
        ) from error
    except Exception as error:
        # Every storage library behind fsspec brings its own family of errors.
        reason = str(error) or type(error).__name__
        raise SourceFetchError(
            f"The file cannot be fetched: {reason}",
            remedy="Check URL, credentials and network, or download it first",
            **place,
        ) from error
    received_bytes = path.stat().st_size
    if expected_bytes is not None and received_bytes != expected_bytes:
        raise SourceFetchError(
            f"The transfer broke off: {received_bytes} bytes of {expected_bytes}", remedy="Try again", **place
        )


def _open_http(location: str) -> tuple[BinaryIO, int | None]:
    # The standard library streams HTTP by itself; fsspec would need aiohttp for it.
    parts = urlsplit(location)
    user, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310 - only http(s) comes here
    if at:
        request.add_header("Authorization", "Basic " + b64encode(unquote(user).encode()).decode())
    response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310 # nosec B310 - the same
    length = response.headers.get("Content-Length")
    return response, int(length) if length is not None else None


def _open_fsspec(location: str) -> tuple[BinaryIO, int | None]:
    filesystem, path = fsspec.core.url_to_fs(location)
    size = filesystem.info(path).get("size")
    return filesystem.open(path, "rb"), size
