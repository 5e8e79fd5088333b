"""What a process says of its settings as it starts: names that nobody reads, secrets that everybody may read."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from migration.errors import SettingError
from migration.name_lists import nearest_name
from migration.settings import (
    DOTENV,
    ENV_FILE,
    ENVIRONMENT,
    PREFIX,
    SECRETS,
    WITHOUT_ENV_FILE,
    Settings,
    env_file_values,
    load_settings,
)

logger = logging.getLogger(__name__)

_MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class UnknownSetting:
    """A name that looks like one of a setting, and is none. `origin` is `environment` or `.env`."""

    variable: str
    origin: str
    nearest: str
    """The name that it may be meant for; empty: none is like it."""

    @property
    def what(self) -> str:
        """What to tell, without a full stop."""
        place = "the environment" if self.origin == ENVIRONMENT else self.origin
        return f"{place} sets {self.variable}, which is no setting, and nothing reads it"

    @property
    def remedy(self) -> str:
        """What to do about it, without a full stop."""
        named = f"Did you mean {self.nearest}? " if self.nearest else ""
        return f"{named}`migration-cli config` lists all"


def unknown_settings() -> tuple[UnknownSetting, ...]:
    """Return the names with the prefix of settings that there are not; `convoy.toml` with such a name is refused."""
    known = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    places: list[tuple[str, list[str]]] = [(ENVIRONMENT, sorted(os.environ))]
    if not os.environ.get(WITHOUT_ENV_FILE):
        with suppress(OSError, UnicodeDecodeError):  # told elsewhere
            places.append((DOTENV, sorted(env_file_values())))
    found = []
    for origin, names in places:
        for name in names:
            variable = name.upper()
            if not variable.startswith(PREFIX) or variable in known:
                continue
            near = nearest_name(variable.removeprefix(PREFIX).lower(), known.values())
            found.append(UnknownSetting(name, origin, f"{PREFIX}{near.upper()}" if near else ""))
    return tuple(found)


def setting_warnings() -> list[str]:
    """Return a sentence for each thing that is odd about this process's settings, and keeps it from nothing."""
    open_file = open_env_file()
    return [*([open_file] if open_file else []), *_unknown_sentences()]


def log_unknown_settings() -> None:
    """Say it in the log, once that is set up."""
    for sentence in _unknown_sentences():
        logger.warning("%s", sentence)


def _unknown_sentences() -> list[str]:
    unknown = unknown_settings()
    told = [f"{one.what[0].upper()}{one.what[1:]}. {one.remedy}." for one in unknown[:_MOST_TOLD]]
    if len(unknown) > _MOST_TOLD:
        told.append(f"{len(unknown) - _MOST_TOLD} more names are no settings.")
    return told


def open_env_file() -> str | None:
    """Return a sentence where others may read the secrets of `.env`; None where all is well, or there are none."""
    try:
        is_open = Path(ENV_FILE).stat().st_mode & 0o077 != 0
        written = env_file_values() if is_open else {}
    except (OSError, UnicodeDecodeError):
        return None
    secrets = {f"{PREFIX}{name.upper()}" for name in SECRETS} | {"FLOWER_BASIC_AUTH", "PGPASSWORD"}
    if not any(written.get(name) for name in secrets):
        return None
    return f"Other users of this machine may read the secrets in {ENV_FILE}; type: chmod 600 {ENV_FILE}"


def settings_or_exit() -> Settings:
    """Return the settings, for a process whose output is its log: a wrong one is a sentence and status 2."""
    try:
        return load_settings()
    except SettingError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_status)) from None
