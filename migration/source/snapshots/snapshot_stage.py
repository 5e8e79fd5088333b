"""The stage: where hosts that share no disk get their snapshots from.

The producer publishes a snapshot there, each worker's host fetches it once. MIGRATION_STAGE_URL is a folder (a path or
`file://`), a store that fsspec knows (`s3://bucket/prefix`), or `http(s)://`: the API on the producer's host, which
serves the folder of snapshots itself, so that nothing is published.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import SettingError
from migration.source.source_path import local_path, without_credentials

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from migration.settings import Settings

SETTING = "MIGRATION_STAGE_URL"
_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}


class SnapshotStage(Protocol):
    """What every stage can do. Snapshots are named by their SHA-256; a run leaves a note beside each that it needs.

    Methods raise StageUnreachableError where the stage does not answer; whoever called tries again.
    """

    def locate(self, sha256: str) -> str:
        """Return where a snapshot is, or would be: a URL or path without credentials."""

    def publish(self, copy: Path, sha256: str, run_id: str) -> None:
        """Put a snapshot there for a run, unless it is there already; nobody ever sees half of one."""

    def size(self, sha256: str) -> int | None:
        """Return the bytes of a snapshot, or None where it is not there."""

    def read(self, sha256: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of a snapshot from `start` up to `stop`, its size, piece by piece.

        Raises:
            FileNotFoundError: it is not there.
            SnapshotFetchError: it has another size.
            StageUnreachableError: the connection broke; what was yielded counts.
        """

    def list_snapshots(self) -> Mapping[str, frozenset[str]]:
        """Return the SHA-256 of every snapshot there, and the ids of the runs that have a note at it."""

    def forget(self, sha256: str, run_ids: Collection[str]) -> None:
        """Take away the notes of runs that need a snapshot no more."""

    def try_out(self) -> str | None:
        """Make sure that this host may read there; return why it may not write, or None where it may or need not.

        Raises:
            StageUnreachableError: it may not read there.
        """

    def remove(self, sha256: str) -> bool:
        """Remove a snapshot, unless some run has a note at it now; return whether it is gone."""


def open_stage(settings: Settings) -> SnapshotStage | None:
    """Return the stage that the settings name; None where there is none, or it is the folder of snapshots itself.

    Raises:
        SettingError: the URL makes no sense, a package for it is missing, or the API's token is.
    """
    url = settings.stage_url
    if url is None:
        return None
    if urlsplit(url).scheme.lower() in {"http", "https"}:
        from migration.source.snapshots.stage_endpoint import EndpointStage

        if settings.api_token is None and settings.api_token_file is None:
            raise SettingError(
                "The API hands out snapshots only to those who show its token",
                setting="MIGRATION_API_TOKEN",
                remedy="Set MIGRATION_API_TOKEN to one of the API's with the scope run, on every host",
            )
        return EndpointStage(url, lambda: next(iter(settings.api_tokens()), ""))
    folder = local_path(url)
    if folder is not None and Path(folder).resolve() == settings.snapshot_dir.resolve():
        return None
    return _open_store(url if folder is None else str(Path(folder).absolute()))


def _open_store(url: str) -> SnapshotStage:
    from migration.source.snapshots.stage_store import StoreStage

    try:
        return StoreStage(url)
    except ConvoyError:
        raise
    except ImportError as error:
        driver = _DRIVERS.get(urlsplit(url).scheme.lower())
        raise SettingError(
            f"This stage needs a package that is not installed: {error}",
            setting=SETTING,
            file=without_credentials(url),
            remedy="Install it with pip (s3:// needs s3fs, gs:// needs gcsfs)",
            next_steps=(NextStep("Install what reads such URLs", f"pip install {driver}"),) if driver else (),
        ) from error
    except Exception as error:
        raise SettingError(
            f"The stage cannot be used: {error}",
            setting=SETTING,
            file=without_credentials(url),
            remedy="Set it to a folder, s3://BUCKET/PREFIX or http(s)://HOST:PORT of the API",
        ) from error
