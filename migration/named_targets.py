"""The targets of a cluster by name: the file that MIGRATION_TARGETS_FILE names, read anew whenever it changes.

Each target has a ledger of its own, so a target is all that a process needs to know of a PostgreSQL: its settings are
those of the process with another URL and password. The target of MIGRATION_TARGET_URL has the name `default`, is in no
file, and is the empty name wherever none is to be said: in messages, above all.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from migration.secret_files import read_secret_file
from migration.secret_text import remember_secrets, secrets_of_url
from migration.settings import PREFIX, Settings
from migration.small_file import read_small_file
from migration.target_name_errors import TargetNameMissingError, TargetsFileError, UnknownTargetError

DEFAULT_TARGET: Final = "default"
"""What the target of MIGRATION_TARGET_URL is called where it needs a name."""
MAX_NAME_CHARS: Final = 63
_SETTING: Final = f"{PREFIX}TARGETS_FILE"
_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_NAME_CHARS - 1}}}")
_KEYS: Final = ("url", "password_file")
_FILE_BYTES: Final = 1_048_576

Marks = tuple[tuple[str, int, int, int], ...]
"""Of each file that was read: path, inode, size and time of its last change."""


@dataclass(frozen=True, slots=True)
class _Entry:
    url: str = field(repr=False)
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Contents:
    marks: Marks
    entries: Mapping[str, _Entry] = field(repr=False)


_last_understood: Final[dict[Path, _Contents]] = {}
"""By the path of a file: a process that is forked, or looks at it for another purpose, knows what was known before."""


class NamedTargets:
    """What the file says now. Methods may be called from several threads; each looks at the file's last change.

    A file that cannot be used is refused to whoever asks which targets there are. Those that were known before go on
    as they were: a mistake in a file stops no work, and it is not to be told from one that is half written.

    Without MIGRATION_TARGETS_FILE there is the default target alone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.targets_file
        self._lock = threading.Lock()
        self._marks: Marks = ()
        self._known: Mapping[str, Settings] = {}
        with suppress(TargetsFileError):  # said to who asks
            self._now()

    @property
    def are_there(self) -> bool:
        """Whether a file of names is configured."""
        return self._file is not None

    def names(self) -> tuple[str, ...]:
        """Return the names of the file, sorted; the default target is not among them.

        Raises:
            TargetsFileError: the file cannot be used.
        """
        return tuple(sorted(self._now()))

    def settings_of(self, name: str) -> Settings:
        """Return the settings of a process for one target; the same object for as long as nothing of it has changed.

        Of a file that cannot be used, they are those that were known before.

        Args:
            name: of the file; empty or `default`: the target of MIGRATION_TARGET_URL.

        Raises:
            TargetNameMissingError: the file has no such name.
            TargetsFileError: the file cannot be used, and had no such name before.
        """
        if name in {"", DEFAULT_TARGET}:
            return self._settings
        try:
            known = self._now()
        except TargetsFileError:
            known = self._known
            if name not in known:
                raise
        if name not in known:
            raise TargetNameMissingError(
                f"There is no target {name!r}" + ("" if self.are_there else f", for {_SETTING} is not set"),
                setting=_SETTING,
                file=str(self._file or ""),
                remedy="Write it into the file that this process reads; what waits for it goes on by itself then",
            )
        return known[name]

    def chosen(self, name: str | None) -> str:
        """Return the name of the target that somebody asks for, as messages have it: empty for the default one.

        Raises:
            UnknownTargetError: there is none of this name; says which there are.
            TargetsFileError: the file cannot be used.
        """
        if name is None or (name == DEFAULT_TARGET and self.are_there):
            return ""
        if not self.are_there:
            raise UnknownTargetError(
                f"There are no targets by name, for {_SETTING} is not set",
                remedy="Leave the name out: then it is the target of MIGRATION_TARGET_URL",
                setting=_SETTING,
            )
        names = self.names()
        if name not in names:
            # What is no name may be a URL with its password: it is not told again.
            raise UnknownTargetError(
                f"There is no target {name!r}"
                if _NAME.fullmatch(name)
                else "A target is a name, and this is none",
                remedy=f"Name one of {', '.join((DEFAULT_TARGET, *names))}",
            )
        return name

    def _now(self) -> Mapping[str, Settings]:
        if self._file is None:
            return {}
        with self._lock:
            if not self._marks or self._marks != tuple(_mark(Path(path)) for path, *_ in self._marks):
                try:
                    contents = _last_understood[self._file] = _read(self._file)
                except TargetsFileError:
                    if not self._marks and self._file in _last_understood:
                        self._adopt(_last_understood[self._file])
                    raise
                self._adopt(contents)
            return self._known

    def _adopt(self, contents: _Contents) -> None:
        found: dict[str, Settings] = {}
        for name, entry in contents.entries.items():
            made = self._settings.model_copy(
                update={
                    "target_url": SecretStr(entry.url),
                    "target_password": SecretStr(entry.password) if entry.password else None,
                }
            )
            before = self._known.get(name)
            found[name] = before if before == made else made
        self._marks, self._known = contents.marks, found


def _read(file: Path) -> _Contents:
    # Marked before it is read: what is written meanwhile shows as a change.
    marks = [_mark(file)]
    document, mode = _document(file)
    found: dict[str, _Entry] = {}
    for name, entry in document.items():
        url, password_file = _entry(file, name, entry)
        password = None
        if password_file is not None:
            marks.append(_mark(password_file))
            password = _secret(file, name, password_file)
        elif secrets_of_url(url):
            _refuse_open(file, mode, name)
        remember_secrets((password, *secrets_of_url(url)))
        found[name] = _Entry(url, password)
    return _Contents(tuple(marks), found)


def _mark(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_ino, found.st_size, found.st_ctime_ns  # of the mode, too


def _refused(file: Path, what: str, remedy: str) -> TargetsFileError:
    return TargetsFileError(what, setting=_SETTING, file=str(file), remedy=remedy)


def _document(file: Path) -> tuple[dict[str, Any], int]:
    """Return the tables of the file, and its mode."""
    if str(file) == os.devnull:
        return {}, 0
    try:
        content, state = read_small_file(file, _FILE_BYTES)
        text = content.decode("utf-8")
        if state.st_mode & stat.S_IWOTH:
            raise _refused(
                file,
                "The file of targets may be changed by every user of this machine",
                f"Type chmod o-w {file}",
            )
        if not text:  # so an editor leaves it for a moment: that no target is left would have to be said
            raise _refused(
                file,
                "The file of targets is empty",
                "Write a table for each target; a comment says there is none",
            )
        return tomllib.loads(text), state.st_mode
    except (OSError, ValueError, RecursionError) as error:  # whatever there may be instead of TOML
        # A line of the file that is no TOML may hold a password: only the place of the mistake is told.
        reason = (error.strerror if isinstance(error, OSError) else "") or _place_of_mistake(error)
        raise _refused(file, f"The file of targets cannot be read: {reason}", "Correct it") from None


def _place_of_mistake(error: Exception) -> str:
    found = re.search(r"\(at [^()]*\)$", str(error))
    return f"it is no TOML {found[0]}" if found else "it is no TOML in UTF-8"


def _entry(file: Path, name: str, entry: Any) -> tuple[str, Path | None]:
    """Return the URL of a target and the file of its password."""
    if not _NAME.fullmatch(name) or name == DEFAULT_TARGET:
        why = (
            "is the target of MIGRATION_TARGET_URL"
            if name == DEFAULT_TARGET
            else f"is no name of a target: {MAX_NAME_CHARS} letters a-z, digits, - and _ at most"
        )
        shown = name if name.isprintable() and "://" not in name else "one of its names"
        raise _refused(
            file, f"The file of targets has a table {shown!r}, which {why}", "Give it another name"
        )
    if not isinstance(entry, dict):
        raise _refused(
            file, f"The file of targets has {name!r} outside of a table", f"Write [{name}], and url below it"
        )
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        raise _refused(
            file,
            f"The target {name!r} has {unknown[0]!r}, which there is not",
            f"A target has {' and '.join(_KEYS)}",
        )
    url, password_file = entry.get("url"), entry.get("password_file")
    if not isinstance(url, str) or not url.startswith(("postgresql://", "postgres://")):
        raise _refused(
            file,
            f"The target {name!r} has no URL of PostgreSQL",
            'Write url = "postgresql://user@host:5432/database"',
        )
    if password_file is None:
        return url, None
    if not isinstance(password_file, str) or not password_file or "\0" in password_file:
        raise _refused(file, f"The password_file of the target {name!r} is no path", "Write it in quotes")
    return url, file.parent / password_file


def _secret(file: Path, name: str, password_file: Path) -> str:
    try:
        return read_secret_file(password_file, f"password_file of the target {name!r}")
    except ValueError as error:
        raise _refused(file, str(error), "Correct it, or let this process read that file") from None


def _refuse_open(file: Path, mode: int, name: str) -> None:
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise _refused(
            file,
            f"The target {name!r} has a password that every user of this machine may read",
            f"Type chmod 600 {file}, or keep the password in a file of its own, which password_file names",
        )
