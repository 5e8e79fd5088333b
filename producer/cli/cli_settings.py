"""Settings for the command line: a wrong one is a sentence."""

from __future__ import annotations

from functools import lru_cache

import click

from migration.errors import SettingError
from migration.settings import Settings, load_settings, open_env_file


def read_settings() -> Settings:
    """Return the settings.

    Raises:
        SettingError: a variable of the environment or of .env has a value that makes no sense.
    """
    from pydantic import ValidationError

    try:
        settings = load_settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingError(
            f"{first['msg']}",
            setting=f"MIGRATION_{name}" if name else "",
            remedy="Correct it in the environment or in .env",
        ) from None
    _warn_of_open_secrets()
    key = signing_key_of(settings)
    if key is not None:  # a run should not come to its end before it shows that its report cannot be signed
        from migration.report.report_signature import load_signing_key

        load_signing_key(key)
    return settings


@lru_cache(maxsize=1)
def _warn_of_open_secrets() -> None:
    trouble = open_env_file()
    if trouble is not None:
        click.echo(f"warning: {trouble}", err=True)


def signing_key_of(settings: Settings) -> str | None:
    """Return the key that reports are signed with, or the path of its file; None: they are not signed."""
    return None if settings.signing_key is None else settings.signing_key.get_secret_value()
