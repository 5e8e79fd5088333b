"""Who may read a snapshot: nobody who may not read the source that it was taken from."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o400
"""Of a snapshot that is no copy of a file here: downloaded, unpacked, salvaged, or fetched from a stage."""


def mode_like(source: Path, copy: Path) -> int:
    """Return the permissions of a copy of a source: read-only, for its owner and for those who may read the source.

    A folder on the way to the source that is closed to some closes the copy to them. The copy's group may be another
    than the source's; its members are then anybody.

    Raises:
        OSError: one of the files cannot be looked at.
    """
    about = source.stat()
    group, others = _group_reads(source, about), _others_read(source, about)
    is_same_group = copy.stat().st_gid == about.st_gid
    return (
        OWNER_ONLY
        | (stat.S_IRGRP if (group if is_same_group else others) else 0)
        | (stat.S_IROTH if others else 0)
    )


def _others_read(source: Path, about: os.stat_result) -> bool:
    """Tell whether anybody may: where a group may not, its members are among the others of another file."""
    everybody = stat.S_IRGRP | stat.S_IROTH
    enters = stat.S_IXGRP | stat.S_IXOTH
    return about.st_mode & everybody == everybody and all(
        folder.stat().st_mode & enters == enters for folder in source.parents
    )


def _group_reads(source: Path, about: os.stat_result) -> bool:
    if not about.st_mode & stat.S_IRGRP:
        return False
    for folder in source.parents:
        found = folder.stat()
        is_open = found.st_mode & stat.S_IXOTH and found.st_mode & stat.S_IXGRP
        if not is_open and not (found.st_gid == about.st_gid and found.st_mode & stat.S_IXGRP):
            return False
    return True
