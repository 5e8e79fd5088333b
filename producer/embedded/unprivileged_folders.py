"""Places that an unprivileged server process may enter, when the command itself runs as root.

PostgreSQL refuses to run as root, so root's server runs as another user, who cannot enter /root. Nothing of the
user's is opened to others for that: data and programs go to /var/lib/convoy instead, with a symbolic link.
Only private folders below the temporary folder are made passable (not readable).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from migration.convoy_error import NextStep
from migration.errors import LocalClusterError
from migration.folder_errors import EmbeddedFolderError
from migration.owned_folders import OWNER, clear_abandoned, own
from migration.writable_folders import temporary_place, writable_folder

_SHARED_STATE = Path("/var/lib/convoy")
_USERS = ("pgserver", "postgres", "nobody")
_SOCKET_PATH_BYTES = 104
"""A Unix socket's path, with its closing NUL, on macOS; Linux allows 108 (sys/un.h)."""
_READ = stat.S_IRGRP | stat.S_IROTH
_PASS = stat.S_IXGRP | stat.S_IXOTH


def server_user(folder: Path) -> tuple[int, int] | None:
    """Return uid and gid that a server on `folder` runs as; None: those of this process.

    Raises:
        ConvoyError: the folder belongs to another user, or no unprivileged user exists.
    """
    owner = folder.stat() if folder.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedFolderError(
                "The data folder of the embedded PostgreSQL belongs to another user",
                file=str(folder),
                remedy="Run the command as that user, or name another folder in MIGRATION_EMBEDDED_DIR",
            )
        return None
    if owner is not None and owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in _USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise LocalClusterError(
        "PostgreSQL does not run as root and this machine has no other user for it",
        remedy="Run the command as a normal user, or create one with `useradd --system pgserver`",
        next_steps=(NextStep("Make a user for the server", "useradd --system pgserver"),),
    )


def check_user_has_name(user: tuple[int, int] | None) -> None:
    """Refuse a user that is only a number, as containers may have it: initdb looks its name up and ends without one.

    Raises:
        EmbeddedFolderError: passwd has no entry for the user that PostgreSQL is to run as.
    """
    uid = os.geteuid() if user is None else user[0]
    try:
        pwd.getpwuid(uid)
    except KeyError:
        line = f"convoy:x:{uid}:{os.getegid()}::/tmp:/bin/sh"
        raise EmbeddedFolderError(
            f"PostgreSQL makes no data folder for user {uid}, who has no name in /etc/passwd",
            remedy="Run as a user that has one (docker run --user nobody), give this one a line there,"
            " or name a server with --target-url",
            next_steps=(NextStep("Give the user a name, as root", f"echo '{line}' >> /etc/passwd"),),
        ) from None


def check_may_run_as(user: tuple[int, int], folder: Path) -> None:
    """Refuse where root may not start programs as another user, as in a container that dropped capabilities.

    Raises:
        EmbeddedFolderError: it may not.
    """
    try:
        subprocess.run(["/bin/true"], user=user[0], group=user[1], extra_groups=[], check=False)
    except PermissionError as error:
        raise lacking_rights(folder) from error
    except FileNotFoundError:  # a machine without it; the server itself will tell
        return


def check_can_be_entered(folder: Path, user: tuple[int, int]) -> None:
    """Refuse data that its server's user cannot reach; only a new folder can be made elsewhere.

    Raises:
        EmbeddedFolderError: a folder on the way is closed, and data are there already.
    """
    folder = folder.resolve()
    if _is_kept_elsewhere(_closed(folder, user)) and folder.is_dir() and any(folder.iterdir()):
        raise EmbeddedFolderError(
            "The data folder of the embedded PostgreSQL cannot be entered by the user that it runs as",
            file=str(folder),
            remedy="Name a folder that all users may pass through in MIGRATION_EMBEDDED_DIR",
        )


def _closed(folder: Path, user: tuple[int, int]) -> list[Path]:
    return [parent for parent in folder.parents if parent.exists() and not _may_pass(parent, user)]


def _is_kept_elsewhere(closed: list[Path]) -> bool:
    """Whether folders are closed that may not be opened to others: only private temporary ones may."""
    temporary = temporary_place().resolve()
    return bool(closed) and not all(temporary in parent.parents for parent in closed)


def passable_folder(folder: Path, user: tuple[int, int]) -> Path:
    """Return `folder`, or where it links to, such that `user` owns it and can reach it."""
    check_can_be_entered(folder, user)
    folder = folder.resolve()
    closed = _closed(folder, user)
    if _is_kept_elsewhere(closed):
        folder.mkdir(parents=True, exist_ok=True)
        folder.rmdir()
        place = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=_ensure(_SHARED_STATE)))
        folder.symlink_to(place, target_is_directory=True)
        folder = place
    else:
        for parent in closed:
            parent.chmod(parent.stat().st_mode | _PASS)
        folder.mkdir(parents=True, exist_ok=True)
    try:
        if folder.stat().st_uid != user[0]:
            folder.chmod(0o700)  # before it is another's: a root without CAP_FOWNER may not do so afterwards
            os.chown(folder, *user)
        elif stat.S_IMODE(folder.stat().st_mode) != 0o700:  # noqa: PLR2004  # PostgreSQL takes no other
            folder.chmod(0o700)
    except PermissionError as error:
        raise lacking_rights(folder) from error
    return folder


def lacking_rights(folder: Path) -> EmbeddedFolderError:
    """Return what is said where root may not act for another user, as in a container that dropped capabilities."""
    return EmbeddedFolderError(
        "PostgreSQL does not run as root, and root may not start it as another user here",
        file=str(folder),
        remedy="Run the command as a normal user (docker run --user 1000), or name a server with --target-url",
    )


def passable_programs(install: Path, user: tuple[int, int]) -> Path:
    """Return a folder of programs that `user` can run: `install`, or a copy of it.

    The wheel keeps shared libraries beside its package (Linux) or in it (macOS), found by relative paths.
    """
    program = install / "bin" / "postgres"
    if all(_may_pass(path, user) for path in (program, *program.parents)):
        return install
    package = install.parent
    copy = _SHARED_STATE / f"{package.name}-{_digest(install)}"
    programs = copy / package.name / install.name
    if not (programs / "bin" / "postgres").exists():
        clear_abandoned(_ensure(_SHARED_STATE), ".copy-")
        draft = Path(tempfile.mkdtemp(dir=_SHARED_STATE, prefix=".copy-"))
        owned = own(draft)
        libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
        for folder in (install, *(found for found in libraries if found.is_dir())):
            shutil.copytree(folder, draft / folder.relative_to(package.parent), symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | _READ | (_PASS if mode & stat.S_IXUSR else 0))
        try:
            (draft / OWNER).unlink()
            draft.rename(copy)
        except OSError:  # another command was faster
            shutil.rmtree(draft)
        finally:
            owned.release()
    return programs


def socket_folder(data: Path, user: tuple[int, int] | None) -> Path:
    """Return the folder for the server's socket: the data folder, or a private one where its path is too long."""
    if _holds_a_socket(data):
        return data
    owner = (os.geteuid(), os.getegid()) if user is None else user
    folder = _short_folder(data, owner)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, *owner)
    check_socket_folder(data, user)
    return folder


def _holds_a_socket(data: Path) -> bool:
    return len(os.fsencode(data / ".s.PGSQL.5432")) < _SOCKET_PATH_BYTES


def _short_folder(data: Path, owner: tuple[int, int]) -> Path:
    return temporary_place() / f"convoy-{owner[0]}-{_digest(data)}"


def check_socket_folder(data: Path, user: tuple[int, int] | None) -> None:
    """Refuse a folder for the server's socket that is not private; one that is not there yet will be.

    Raises:
        EmbeddedFolderError: somebody else may put a socket there.
    """
    owner = (os.geteuid(), os.getegid()) if user is None else user
    folder = _short_folder(data, owner)
    if _holds_a_socket(data) or not os.path.lexists(folder):
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner[0] or found.st_mode & 0o077:
        raise EmbeddedFolderError(
            "The folder for PostgreSQL's socket is not private",
            file=str(folder),
            remedy="Remove it, or name a shorter path in MIGRATION_EMBEDDED_DIR",
        )


def _may_pass(path: Path, user: tuple[int, int]) -> bool:
    found = path.stat()
    if found.st_uid == user[0]:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user[1]:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _ensure(folder: Path) -> Path:
    """Return the folder; PostgreSQL of root needs it where it cannot enter the one that was named.

    Raises:
        FolderNotWritableError: it cannot be made.
    """
    return writable_folder(folder, holds="root's embedded PostgreSQL", setting="MIGRATION_EMBEDDED_DIR")


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
