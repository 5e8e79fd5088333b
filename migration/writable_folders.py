"""The one way to a folder that Convoy writes into: made if need be, tried, or refused with what moves it."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from migration.convoy_error import NextStep
from migration.file_name_text import is_text
from migration.folder_errors import FolderNotWritableError
from migration.full_disk import is_full
from migration.settings import BELOW_STATE, PREFIX, Settings, state_folder

TEMPORARY_SETTING: Final = "TMPDIR"
_STATE_SETTING: Final = "state_dir"


def setting_of_folder(settings: Settings, name: str) -> str:
    """Return the variable that has put a folder where it is, which is the one to change: its own, or that of them all.

    Args:
        settings: of the process, with all folders placed.
        name: of the folder's own setting: `snapshot_dir`.
    """
    below = state_folder(settings).path / BELOW_STATE[name]
    folder: Path = settings.log_folder if name == "log_dir" else getattr(settings, name)
    is_below = below.absolute() == folder.absolute()
    return f"{PREFIX}{(_STATE_SETTING if is_below else name).upper()}"


def writable_folder(folder: Path, *, holds: str, setting: str, mode: int = 0o777) -> Path:
    """Return the absolute path of a folder that takes files, made with all above it where it was not there.

    A full disk is no reason to refuse: whoever writes waits for room.

    Args:
        folder: as the setting names it.
        holds: what goes into it, for the sentence: `snapshots`.
        setting: name of the variable or flag that moves it.
        mode: of a new folder.

    Raises:
        FolderNotWritableError: it cannot be made, or takes no files.
    """
    current_folder()
    folder = folder.absolute()
    if not is_text(str(folder)):
        error = OSError(errno.EILSEQ, "its name, or that of a folder on the way, is no UTF-8")
        raise not_writable(folder, error, holds=holds, setting=setting)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except OSError as error:
        if not is_full(error):
            raise not_writable(folder, error, holds=holds, setting=setting) from error
    return folder


def private_temporary_folder(prefix: str) -> Path:
    """Return a new folder among the temporary ones, for its maker alone.

    Raises:
        FolderNotWritableError: no folder for temporary files takes any.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=prefix))
    except OSError as error:
        raise _no_temporary_files(error) from error


def temporary_place() -> Path:
    """Return the folder for temporary files.

    Raises:
        FolderNotWritableError: no folder for temporary files takes any.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise _no_temporary_files(error) from error


def _no_temporary_files(error: OSError) -> FolderNotWritableError:
    place = os.environ.get(TEMPORARY_SETTING) or tempfile.tempdir or "/tmp"  # noqa: S108 # nosec B108 - named only
    return not_writable(Path(place), error, holds="temporary files", setting=TEMPORARY_SETTING)


def current_folder() -> Path:
    """Return the folder that the process is in.

    Raises:
        FolderNotWritableError: it has been removed, or may not be entered.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise FolderNotWritableError(
            "The current folder is gone, or this user may not enter it",
            remedy="Change into another one and start the command again",
            next_steps=(NextStep("Go to a folder that is there", "cd"),),
        ) from error


def not_writable(folder: Path, error: OSError, *, holds: str, setting: str) -> FolderNotWritableError:
    """Return what is said of a folder that an operation has failed on."""
    is_flag = setting.startswith("--")
    command = f"{setting} FOLDER" if is_flag else f"export {setting}=FOLDER"
    return FolderNotWritableError(
        f"The folder for {holds} cannot be written to: {error.strerror or error}",
        setting=setting,
        file=str(folder),
        remedy=f"Name another one with {setting}" if is_flag else f"Name another one in {setting}",
        next_steps=(NextStep(f"Move {holds} to a folder of yours", command),),
    )
