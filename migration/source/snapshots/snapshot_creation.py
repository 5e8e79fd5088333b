"""Freeze a source: one immutable, checked copy that all workers of a run read, named by its SHA-256."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from migration.convoy_error import Place
from migration.errors import SnapshotChangedError, SnapshotError, SnapshotLostError, SourceUnreadableError
from migration.owned_folders import owned_folder
from migration.source.computed_value_trial import check_definitions, try_computed_values
from migration.source.database_copy import copy_database
from migration.source.integrity_check import check_database
from migration.source.reading_time_limit import ReadingTimeLimit, reading_time_limit
from migration.source.regular_file import is_hollow
from migration.source.salvage.database_salvage import Damage
from migration.source.snapshots.confined_source_work import salvage_apart, unpack_apart
from migration.source.snapshots.snapshot_mode import OWNER_ONLY, mode_like
from migration.source.snapshots.source_download import fetch
from migration.source.source_budget import SourceBudget
from migration.source.source_path import checked_path, local_path, readable, without_credentials
from migration.source.unknown_syntax import set_unknown_aside
from migration.source.unpacking.given_file import GivenFile
from migration.source_form_errors import SourceTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration.model import Source


T = TypeVar("T")
_USUAL_BUDGET: Final = SourceBudget()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen source. `sha256` and `bytes` are those of the file at `path`.

    `damage` is what could not be salvaged of a damaged source; `path` is then a database that was rebuilt.
    `given` is the user's own file where that was a dump or compressed.
    """

    path: Path
    sha256: str
    bytes: int
    damage: tuple[Damage, ...] = ()
    given: GivenFile | None = None


def take_snapshot(
    source: Source, folder: Path, *, salvage: bool = False, budget: SourceBudget = _USUAL_BUDGET
) -> Snapshot:
    """Copy a source into `folder`, check the copy, and name it by its content; `folder` is made if need be.

    The source is only read: not a byte of it or of its folder changes. A write-ahead log and a hot journal are
    recovered into the copy. A file of 0 bytes is an empty database. An equal snapshot that is already there is used.
    A dump is loaded, and a compressed file unpacked: the snapshot is the database that comes of it.
    With `salvage`, a damaged source is rebuilt from what can be read of it, and the snapshot says what is lost.
    Whoever needs the snapshot after the machine has gone down calls `flush`.

    Raises:
        SourceNotFoundError: there is no such file.
        SourceUnreadableError: a directory, no permission, locked, being written to, or not to be fetched.
        NotADatabaseError: another kind of file, or encrypted.
        SourceDumpError, SourceCompressionError: a dump or a compressed file that is cut off or cannot be read.
        SourceCorruptError: cut off or damaged; names the tables that are hurt. With `salvage`: nothing can be read.
        SourceTooLargeError, SourceTooSlowError, SourceProcessError: it asks for more than the budget.
    """
    snapshot, _ = take_and_read(source, folder, lambda _: None, salvage=salvage, budget=budget)
    return snapshot


def _keep(_copy: Path, _sha256: str) -> None:
    """Hand nothing on."""


def take_and_read(
    source: Source,
    folder: Path,
    read: Callable[[Path], T],
    *,
    salvage: bool = False,
    hand_on: Callable[[Path, str], None] = _keep,
    budget: SourceBudget = _USUAL_BUDGET,
) -> tuple[Snapshot, T]:
    """Take a snapshot, and let `read` look at it while it is checked; return both.

    What `read` raises counts only where the snapshot is sound. Otherwise raises the same as `take_snapshot`.
    `hand_on` gets the copy and its SHA-256 in another thread, before it is known whether the copy is sound.
    """
    place: Place = {"source": source.label, "file": without_credentials(source.location)}
    with _private_folder(folder) as private, readable(place):
        path = local_path(source.location)
        if path is None:
            original = fetch(source.location, private, place, budget)
        else:
            original = _allowed_path(source, path, place)
        if is_hollow(original, shutil.disk_usage(private).free):
            raise SourceTooLargeError(
                f"The file says that it is {original.stat().st_size:,} bytes long, and is mostly holes",
                remedy="Copy what is in it with `sqlite3 FILE 'VACUUM INTO ...'`, and migrate that",
                **place,
            )
        copy, unpacked = private / "copy.db", private / "unpacked.db"
        given = unpack_apart(original, unpacked, place, budget)
        damage: tuple[Damage, ...] = ()
        if salvage:
            damage = salvage_apart(unpacked if given else original, copy, place, budget)
        elif given:
            unpacked.replace(copy)
        else:
            copy_database(original, copy, place)
        if path is not None:
            _allowed_path(source, path, place)
        set_unknown_aside(copy)
        # Before anything else reads it, here or in a worker.
        check_definitions(copy, place, budget)
        try_computed_values(copy, place, budget)
        found, sha256 = _read_and_check(copy, place, read, hand_on, budget)
        is_copy = path is not None and not given and not salvage
        mode = mode_like(original, copy) if is_copy else OWNER_ONLY
        return replace(_publish(copy, sha256, folder, mode), damage=damage, given=given), found


def _allowed_path(source: Source, path: str, place: Place) -> Path:
    """Return the file that a path leads to.

    Raises:
        SourceUnreadableError: it leads elsewhere than when it was allowed. Also as `checked_path`.
    """
    original = checked_path(path, place)
    if source.is_followed and str(original) != path:
        raise SourceUnreadableError(
            "The path leads elsewhere than when the run was asked for",
            remedy="Look who has put a link there, and ask again",
            **place,
        )
    return original


def _read_and_check(
    copy: Path,
    place: Place,
    read: Callable[[Path], T],
    hand_on: Callable[[Path, str], None],
    budget: SourceBudget,
) -> tuple[T, str]:
    """Look at a copy while it is checked and hashed; return what was found and its SHA-256."""
    seconds = budget.seconds_for(copy.stat().st_size)
    # Hashing leaves the interpreter alone, and so does SQLite's check, which takes longest.
    with ThreadPoolExecutor(2) as beside:
        check = beside.submit(_check, copy, place, seconds)
        handed_on = beside.submit(_hash_and_hand_on, copy, hand_on)
        try:
            with reading_time_limit(seconds, "Reading what the file declares", place) as limit:
                # Pages that lead in circles are found by the check, and never by whoever reads them.
                check.add_done_callback(partial(_stop_in_vain, limit))
                found = read(copy)
        except Exception:
            check.result()
            raise
        check.result()
        return found, handed_on.result()


def _stop_in_vain(limit: ReadingTimeLimit, check: Future[None]) -> None:
    """Let nobody go on reading a file that has failed its check."""
    if check.exception() is not None:
        limit.stop()


def _check(copy: Path, place: Place, seconds: float) -> None:
    with reading_time_limit(seconds, "Checking the file", place):
        check_database(copy, place)


def _hash_and_hand_on(copy: Path, hand_on: Callable[[Path, str], None]) -> str:
    sha256 = _sha256(copy)
    hand_on(copy, sha256)
    return sha256


@contextmanager
def _private_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder on the same file system, which is gone afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owned = owned_folder(folder, ".incoming-")
        private = owned.__enter__()
    except OSError as error:
        raise SnapshotError(
            f"The folder for snapshots cannot be written to: {error.strerror}",
            file=str(folder),
            setting="MIGRATION_SNAPSHOT_DIR",
            remedy="Name another one in MIGRATION_SNAPSHOT_DIR",
        ) from error
    try:
        yield private
    finally:
        owned.__exit__(None, None, None)


def flush(snapshot: Path) -> None:
    """Return once a snapshot is safe on the disk.

    Raises:
        SnapshotError: the disk refuses it.
    """
    try:
        with snapshot.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise SnapshotError(
            f"The snapshot cannot be written to the disk: {error.strerror}",
            file=str(snapshot),
            remedy="Check that disk, or choose another folder for snapshots, and start a new run",
        ) from error


def confirm(snapshot: Path, sha256: str) -> None:
    """Make sure that a snapshot which another process has taken is on the disk as it was frozen.

    Raises:
        SnapshotChangedError: it is there, and is not.
        SnapshotLostError: it is not there.
    """
    flush(snapshot)
    check_unchanged(snapshot, sha256)


def check_unchanged(snapshot: Path, sha256: str) -> None:
    """Make sure that a snapshot still has the bytes that were frozen.

    Raises:
        SnapshotLostError: it is not there.
        SnapshotChangedError: a byte of it has changed.
    """
    try:
        found = _sha256(snapshot)
    except OSError as error:
        raise SnapshotLostError(
            f"The snapshot cannot be read any more: {error.strerror}",
            file=str(snapshot),
            remedy="Start a new run",
        ) from error
    if found != sha256:
        raise SnapshotChangedError(
            "The snapshot is not what was frozen: something has written to it, the disk has changed it, or the"
            " machine went down before it had reached the disk",
            file=str(snapshot),
            remedy="Resume the run: it freezes the source anew and begins from there",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _publish(copy: Path, sha256: str, folder: Path, mode: int) -> Snapshot:
    """Give the copy its final name in one step, so that whoever finds it finds all of it.

    One that is there already may be read afterwards by those alone who may read both sources.

    Raises:
        SnapshotError: one that is there already belongs to another user, who keeps it to themselves.
    """
    copy_bytes = copy.stat().st_size
    path = folder / f"{sha256}.sqlite"
    # One that is there already may be what a machine that went down has left of it.
    try:
        if path.exists() and path.stat().st_size == copy_bytes and _sha256(path) == sha256:
            there = stat.S_IMODE(path.stat().st_mode)
            if there & ~mode:
                path.chmod(there & mode)
        else:
            copy.chmod(mode)
            copy.replace(path)
    except PermissionError as error:
        raise SnapshotError(
            "Another user has a snapshot of the same content in the folder for snapshots",
            file=str(path),
            setting="MIGRATION_SNAPSHOT_DIR",
            remedy="Name a folder of your own in MIGRATION_SNAPSHOT_DIR",
        ) from error
    return Snapshot(path, sha256, copy_bytes)
