"""`python -m migration.process_launcher PROCESS -m MODULE...`: a process of the Procfile, with the secrets it needs.

`.env` holds the secrets of all of them. Whoever starts the processes (honcho, a shell) hands all of it to each; here
everything goes that the process has no use for, before its program begins: what it does not have, it cannot leak.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from migration.exit_status import ExitStatus
from migration.secret_files import read_secret_file
from migration.settings import ENV_FILE, PREFIX, SECRETS, WITHOUT_ENV_FILE, env_file_values

_BROKER: Final = frozenset({"MIGRATION_BROKER_URL"})
_TARGET: Final = frozenset({"MIGRATION_TARGET_URL", "MIGRATION_TARGET_PASSWORD", "PGPASSWORD", "PGPASSFILE"})
_TARGETS: Final = frozenset({"MIGRATION_TARGETS_FILE"})
"""A file that may hold passwords, and names files of them."""
_STAGE: Final = frozenset({"MIGRATION_API_TOKEN", "MIGRATION_STAGE_URL"})
_STORES: Final = frozenset(
    {
        "MIGRATION_SOURCE_URLS",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_CONNECTION_STRING",
        "GOOGLE_APPLICATION_CREDENTIALS",
    }
)
_FLOWER: Final = frozenset(
    {"FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET", "FLOWER_OAUTH2_KEY", "FLOWER_OAUTH2_SECRET"}
)
ALL_SECRETS: Final = (
    frozenset(f"{PREFIX}{name.upper()}" for name in SECRETS) | _TARGET | _TARGETS | _STAGE | _STORES | _FLOWER
)
"""Variables that are a secret or may hold one; `..._FILE` beside each names a file of it."""

NEEDED_SECRETS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "redis": _BROKER,
        "postgres": _TARGET,
        "api": _BROKER | _TARGET | _TARGETS | {"MIGRATION_API_TOKEN"},
        "producer": _BROKER | _TARGET | _TARGETS | _STAGE | _STORES,
        "worker": _BROKER | _TARGET | _TARGETS | _STAGE | (_STORES - {"MIGRATION_SOURCE_URLS"}),
        "flower": _BROKER | _FLOWER,
    }
)
"""Process of the Procfile → those of `ALL_SECRETS` that it gets. The command line signs reports, so no process does."""


def environment_for(process: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the secrets that a process does not need."""
    dropped = ALL_SECRETS - NEEDED_SECRETS[process]
    gone = dropped | {f"{name}_FILE" for name in dropped}
    return {name: value for name, value in environment.items() if name not in gone}


def flower_login(environment: Mapping[str, str]) -> str:
    """Return the pairs `user:password` that may look into Flower, separated by commas; empty: there are none.

    Raises:
        ValueError: the file that FLOWER_BASIC_AUTH_FILE names cannot be read.
    """
    file = environment.get("FLOWER_BASIC_AUTH_FILE")
    text = environment.get("FLOWER_BASIC_AUTH", "")
    if file:
        text = read_secret_file(Path(file), "FLOWER_BASIC_AUTH_FILE")
    pairs = (pair.strip() for pair in text.replace("\n", ",").split(","))
    return ",".join(pair for pair in pairs if all(pair.partition(":")))


def main(arguments: Sequence[str]) -> None:
    """Become this Python with other arguments.

    Raises:
        SystemExit: the process has no name of the Procfile's.
    """
    process, *rest = arguments or ("",)
    if process not in NEEDED_SECRETS or not rest:
        known = "|".join(NEEDED_SECRETS)
        print(f"usage: python -m migration.process_launcher {known} -m MODULE...", file=sys.stderr)  # noqa: T201
        raise SystemExit(ExitStatus.UNUSABLE_INPUT)
    try:
        written = {name: value for name, value in env_file_values().items() if value is not None}
    except UnicodeDecodeError:
        print(f"error: {ENV_FILE} is no text in UTF-8. Correct or remove it.", file=sys.stderr)  # noqa: T201
        raise SystemExit(ExitStatus.UNUSABLE_INPUT) from None
    environment = environment_for(process, written | dict(os.environ)) | {WITHOUT_ENV_FILE: "1"}
    os.execve(sys.executable, [sys.executable, *rest], environment)  # noqa: S606 # nosec B606 - the Procfile's words, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
