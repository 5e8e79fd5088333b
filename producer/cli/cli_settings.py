"""Settings for the command line: a wrong one is a sentence."""

from __future__ import annotations

from migration.errors import SettingError
from migration.settings import Settings, load_settings


def read_settings() -> Settings:
    """Return the settings.

    Raises:
        SettingError: a variable of the environment or of .env has a value that makes no sense.
    """
    from pydantic import ValidationError

    try:
        return load_settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingError(
            f"{first['msg']}",
            setting=f"MIGRATION_{name}",
            remedy="Correct it in the environment or in .env",
        ) from None
