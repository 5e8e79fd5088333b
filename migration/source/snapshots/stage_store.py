"""A stage in a folder that all hosts see, or in a store of objects: whatever fsspec knows."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from migration.certificate_dates import remedy_of_dates
from migration.convoy_error import ConvoyError
from migration.errors import SnapshotFetchError, StageUnreachableError
from migration.source.snapshots.fetch_words import fetch_reason, with_proxy
from migration.source.snapshots.snapshot_mode import OWNER_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import TypeVar

    T = TypeVar("T")

_PIECE_BYTES = 8 << 20
_PART_BYTES = 16 << 20
_MOST_PARTS = 9_000
"""S3 takes 10,000 parts for one object."""
_PARTS_AT_ONCE = 2
_TIMEOUT_SECONDS = 20.0
_TRIED_BYTES = b"convoy"
_TRIES = 2
_PAUSES_SECONDS = (0.5, 2.0)
_REMOVAL_SECONDS = 60.0
"""A removal takes less; one that takes longer was killed in the middle."""
_LOOK_SECONDS = 0.2
_NAME = re.compile(r"([0-9a-f]{64})\.(?:sqlite|needed-by-([0-9a-f-]{36}))")


class StoreStage:
    """Snapshots as `HASH.sqlite` below a URL or a full path, with the notes `HASH.needed-by-RUN` beside them.

    Two producers may publish and remove the same snapshot at the same time without a lock: who publishes leaves a note
    and then looks for the mark of a removal; who removes leaves that mark and then looks for notes. One of them sees
    the other (S3 and file systems show at once what was written:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel).

    Raises:
        ImportError: the package for such URLs is not installed.
        ValueError: no package is known for such URLs.
    """

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        if url.startswith(("s3://", "s3a://")):
            options["max_concurrency"] = _PARTS_AT_ONCE
            # Tries are counted here; by the libraries' own patience, one answer that never comes takes five minutes.
            timeouts = {"connect_timeout": _TIMEOUT_SECONDS, "read_timeout": _TIMEOUT_SECONDS}
            options["config_kwargs"] = {**timeouts, "retries": {"total_max_attempts": 1}}
        self._url = url
        self._files, root = fsspec.core.url_to_fs(url, **options)
        if "max_concurrency" in options:
            self._files.retries = _TRIES
        self._root = str(root).rstrip("/")
        self._is_folder = "file" in self._protocols
        # An object shows once all of it is there; a file shows while it is written.
        self._shows_whole_only = bool(self._protocols & {"s3", "s3a", "gs", "gcs", "az", "abfs"})

    @property
    def _protocols(self) -> set[str]:
        known = self._files.protocol
        return {known} if isinstance(known, str) else set(known)

    def locate(self, sha256: str) -> str:
        """Return the object's URL, or the file's path."""
        path = self._snapshot(sha256)
        return path if self._is_folder else str(self._files.unstrip_protocol(path))

    def publish(self, copy: Path, sha256: str, run_id: str) -> None:
        """Leave a note for the run, and upload the snapshot unless it is there.

        Raises:
            StageUnreachableError: it does not answer, after some tries.
        """
        self._tried(sha256, lambda: self._publish(copy, sha256, run_id))

    def size(self, sha256: str) -> int | None:
        """Return the bytes of a snapshot, or None where it is not there."""
        return self._tried(sha256, lambda: self._size(sha256))

    def read(self, sha256: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of a snapshot from `start` up to `stop`, its size."""
        path = self._snapshot(sha256)
        with self._translated(sha256):  # whoever reads tries again by itself
            there = self._size(sha256)
        if there is None:
            raise FileNotFoundError(path)
        if there != stop:
            raise SnapshotFetchError(
                f"The stage has {there:,} bytes of a snapshot that has {stop:,}",
                file=self.locate(sha256),
                remedy="Remove it there and start a new run, which publishes it again",
            )
        while start < stop:
            with self._translated(sha256):
                piece = bytes(self._files.cat_file(path, start=start, end=min(start + _PIECE_BYTES, stop)))
                if not piece:
                    raise EOFError("the transfer broke off")
            start += len(piece)
            yield piece

    def list_snapshots(self) -> Mapping[str, frozenset[str]]:
        """Return every snapshot, and those of which there is but a note, with the runs that have notes at it."""
        runs: dict[str, set[str]] = {}
        for name in self._tried("", self._names):
            if found := _NAME.fullmatch(name):
                runs.setdefault(found[1], set()).update({found[2]} if found[2] else ())
        return {sha256: frozenset(ids) for sha256, ids in runs.items()}

    def forget(self, sha256: str, run_ids: Collection[str]) -> None:
        """Take away the notes of runs, and what killed producers have left of their uploads."""
        if not run_ids:
            return

        def forget() -> None:
            unfinished = [n for n in self._names() if n.startswith(f"{sha256}.incoming-")]
            mine = [name for name in unfinished if any(run_id in name for run_id in run_ids)]
            for name in (*mine, *(f"{sha256}.needed-by-{run_id}" for run_id in run_ids)):
                self._remove(f"{self._root}/{name}")

        self._tried(sha256, forget)

    def try_out(self) -> str | None:
        """Write a few bytes, read and remove them; where writing is refused, read what there is.

        Returns:
            why this host may not write there, which a worker's need not; None: it may.

        Raises:
            StageUnreachableError: it may not read there either.
        """
        path = f"{self._root}/try-out-{uuid.uuid4().hex}"
        try:
            with self._translated(""):
                self._files.pipe_file(path, _TRIED_BYTES)
        except StageUnreachableError as refusal:
            with self._translated(""):
                self._read_something()
            return refusal.what
        try:
            with self._translated(""):
                if self._files.cat_file(path) != _TRIED_BYTES:
                    raise OSError("what was written there does not come back")
        finally:
            with self._translated(""):
                self._remove(path)
        return None

    def _read_something(self) -> None:
        names = self._files.ls(self._root, detail=False, refresh=True)
        snapshot = next((path for path in names if str(path).endswith(".sqlite")), None)
        if snapshot is not None:
            self._files.cat_file(snapshot, start=0, end=1)

    def remove(self, sha256: str) -> bool:
        """Remove a snapshot, unless some run has a note at it now; return whether it is gone."""
        return self._tried(sha256, lambda: self._remove_unneeded(sha256))

    def _snapshot(self, sha256: str) -> str:
        return f"{self._root}/{sha256}.sqlite"

    def _removal(self, sha256: str) -> str:
        return f"{self._root}/{sha256}.removal"

    def _publish(self, copy: Path, sha256: str, run_id: str) -> None:
        if self._is_folder:
            self._files.makedirs(self._root, exist_ok=True)
        self._files.pipe_file(f"{self._root}/{sha256}.needed-by-{run_id}", b"")
        copy_bytes = copy.stat().st_size
        if self._size(sha256) == copy_bytes and self._is_staying(sha256):
            return
        path = self._snapshot(sha256)
        if self._shows_whole_only:
            parts = (
                {"chunksize": max(_PART_BYTES, copy_bytes // _MOST_PARTS)} if "s3" in self._protocols else {}
            )
            self._files.put_file(str(copy), path, **parts)
            return
        # Who publishes for a run moves it, alone: what lies there of it is of a process that was killed.
        for name in self._names():
            if name.startswith(f"{sha256}.incoming-{run_id}-"):
                self._remove(f"{self._root}/{name}")
        unfinished = f"{self._root}/{sha256}.incoming-{run_id}-{uuid.uuid4().hex[:8]}"
        try:
            if self._is_folder:
                Path(unfinished).touch(mode=0o600, exist_ok=False)
            self._files.put_file(str(copy), unfinished)
            if self._is_folder:
                with Path(unfinished).open("rb") as file:
                    os.fchmod(file.fileno(), OWNER_ONLY)
                    os.fsync(file.fileno())
            self._files.mv(unfinished, path)
        finally:
            self._remove(unfinished)

    def _is_staying(self, sha256: str) -> bool:
        """Tell whether a snapshot that is there will stay: nobody removes it, or whoever did has seen our note."""
        deadline = time.monotonic() + _REMOVAL_SECONDS
        if not self._is_there(self._removal(sha256)):
            return True
        while self._is_there(self._removal(sha256)):
            if time.monotonic() > deadline:
                self._remove(self._removal(sha256))
                return False
            time.sleep(_LOOK_SECONDS)
        return self._size(sha256) is not None

    def _remove_unneeded(self, sha256: str) -> bool:
        self._files.pipe_file(self._removal(sha256), b"")
        try:
            if any(name.startswith(f"{sha256}.needed-by-") for name in self._names()):
                return False
            self._remove(self._snapshot(sha256))
        finally:
            self._remove(self._removal(sha256))
        return True

    def _size(self, sha256: str) -> int | None:
        try:
            return int(self._files.info(self._snapshot(sha256))["size"])
        except FileNotFoundError:
            if self._is_folder and not Path(self._root).is_dir():
                raise OSError("there is no such folder there; is it mounted?") from None
            return None

    def _is_there(self, path: str) -> bool:
        try:
            self._files.info(path)
        except FileNotFoundError:  # fsspec's own `exists` takes every error for a no
            return False
        return True

    def _names(self) -> list[str]:
        try:
            paths = self._files.ls(self._root, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return [str(path).rpartition("/")[2] for path in paths]

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._files.rm_file(path)

    def _tried(self, sha256: str, work: Callable[[], T]) -> T:
        for pause in _PAUSES_SECONDS:
            with suppress(StageUnreachableError), self._translated(sha256):
                return work()
            time.sleep(pause)
        with self._translated(sha256):
            return work()

    @contextmanager
    def _translated(self, sha256: str) -> Iterator[None]:
        try:
            yield
        except ConvoyError:
            raise
        except Exception as error:
            # Every storage library behind fsspec brings its own family of errors.
            raise StageUnreachableError(
                f"The stage cannot be used from host {socket.gethostname()}: {fetch_reason(error)}",
                file=self.locate(sha256) if sha256 else self._root,
                remedy=with_proxy(
                    remedy_of_dates(str(error))
                    or "Check MIGRATION_STAGE_URL, its credentials and the network on that host",
                    self._url,
                ),
            ) from error
