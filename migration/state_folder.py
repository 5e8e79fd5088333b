"""Where Convoy keeps what it writes when no setting says so: `.convoy` here, else the user's state, else temporary.

The user's state is that of the XDG Base Directory Specification (https://specifications.freedesktop.org/basedir-spec/).
"""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(".convoy")


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A folder, and whether what is in it stays after a restart of the machine."""

    path: Path
    stays: bool = True


def choose_state_folder(state_home: Path | None, here: Path = HERE) -> StateFolder:
    """Return the first folder of the three that can be written to; `here` where none can, so that its error is told.

    A `.convoy` that is there already is never passed over: what an earlier command has put into it would seem lost.

    Args:
        state_home: folder of the user's state; None where it is not known.
        here: folder in the current one.
    """
    if here.exists() or here.is_symlink() or _may_make(here):
        return StateFolder(here)
    if state_home is not None and _may_make(state_home / "convoy"):
        return StateFolder(state_home / "convoy")
    temporary = _private_temporary()
    return StateFolder(here) if temporary is None else StateFolder(temporary, stays=False)


def _may_make(folder: Path) -> bool:
    """Whether a folder is there and takes files, or can be made; asks the kernel, which knows of read-only mounts."""
    for place in (folder, *folder.parents):
        if place.exists():
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False


def _private_temporary() -> Path | None:
    """Return this user's own folder among the temporary ones; None where there is none that is only theirs."""
    try:
        folder = Path(tempfile.gettempdir()) / f"convoy-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return folder if is_private else None
