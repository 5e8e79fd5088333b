"""`convoy.toml`: settings at the top, flags of commands in tables below. Found here, else in the user's configuration.

```toml
broker_url = "redis://broker:6379/0"   # the names of the settings, without MIGRATION_
[flags]                                # for each command that has the flag
workers = 4
[migrate]                              # for this command alone
if-exists = "replace"
```
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from migration.name_lists import nearest_name

NAME: Final = "convoy.toml"
FOLDER: Final = "convoy"
"""Below the folder of the user's configuration (XDG Base Directory Specification)."""


class SettingsFileRefusedError(ValueError):
    """A `convoy.toml` that cannot be used. `what` and `remedy` are sentences, `key` the name that is wrong."""

    def __init__(self, what: str, remedy: str, path: Path, key: str = "") -> None:
        super().__init__(what, remedy, path, key)
        self.what, self.remedy, self.path, self.key = what, remedy, path, key


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What stands in a `convoy.toml`; names have underscores. `path` is None where there is none."""

    path: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of the table (`flags` or a command) → flag → value."""


@lru_cache(maxsize=1)
def find_settings_file(
    config_home: Path | None, known: frozenset[str], secret: frozenset[str]
) -> SettingsFile:
    """Return what the first `convoy.toml` says: the one of the current folder, else the user's.

    Args:
        config_home: folder of the user's configuration; None where it is not known.
        known: names of all settings.
        secret: those whose values nobody else may read.

    Raises:
        SettingsFileRefusedError: it cannot be read, names no setting, or shows a secret to everybody.
    """
    places = [Path(NAME)] + ([] if config_home is None else [config_home / FOLDER / NAME])
    for path in places:
        if path.is_file():
            return _read(path, known, secret)
    return SettingsFile()


def _read(path: Path, known: frozenset[str], secret: frozenset[str]) -> SettingsFile:
    try:
        mode = path.stat().st_mode
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsFileRefusedError(
            f"{NAME} cannot be read: {reason}", "Correct the file", path
        ) from error
    settings: dict[str, Any] = {}
    flags: dict[str, Mapping[str, Any]] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flags[key] = {name.replace("-", "_"): one for name, one in value.items()}
            continue
        name = key.replace("-", "_")
        if name not in known:
            raise SettingsFileRefusedError(
                f"{NAME} names a setting that there is not: {key}", _nearest(name, known), path, key
            )
        settings[name] = value
    if mode & stat.S_IWOTH and os.name == "posix":
        raise SettingsFileRefusedError(
            f"{NAME} may be changed by every user of this machine", f"Type chmod o-w {path}", path
        )
    shown = sorted(name for name in settings if name in secret or _holds_password(settings[name]))
    if shown and mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SettingsFileRefusedError(
            f"{NAME} holds a secret that every user of this machine may read",
            f"Type chmod 600 {path}",
            path,
            shown[0],
        )
    return SettingsFile(path, settings, flags)


def _nearest(name: str, known: frozenset[str]) -> str:
    near = nearest_name(name, known)
    flag = "Flags stand in a table: [flags], or one with the name of a command"
    return f"Did you mean {near}? {flag}" if near else flag


def _holds_password(value: object) -> bool:
    """Whether a URL has a password in it."""
    if not isinstance(value, str) or "://" not in value:
        return False
    login, at, _ = value.partition("://")[2].partition("@")
    return bool(at) and bool(login.partition(":")[2])
