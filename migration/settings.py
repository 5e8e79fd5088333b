"""Frozen settings, from the environment and from `.env`: the only place that reads either.

Every name carries the prefix ``MIGRATION_``; `.env.example` lists them all. The launcher of the Procfile
(process_launcher.py) hands the same things on, to each process what it needs.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values
from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from migration.secret_text import remember_secrets, secrets_of_url

PREFIX: Final = "MIGRATION_"
ENV_FILE: Final = ".env"
WITHOUT_ENV_FILE: Final = "CONVOY_WITHOUT_ENV_FILE"
"""Of a process that was given what it needs from `.env` already, and is to see nothing else of it."""
SECRETS: Final = ("broker_url", "target_url", "target_password", "api_token", "signing_key", "source_urls")
"""Settings that are a secret or may hold one: each may come from a file instead, which `..._FILE` names."""
_SECRET_VARIABLES: Final = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Secrets that libraries read by themselves."""


class Settings(BaseSettings):
    """What a process must know before its first message. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # an empty MIGRATION_SOURCE_ROOT must not mean the current folder
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # what is wrong may stand beside a password
    )

    broker_url: str | None = None
    """Redis or Valkey; None: the command line starts a broker of its own."""
    target_url: SecretStr | None = None
    """PostgreSQL that holds the target tables and the ledger."""
    target_password: SecretStr | None = None
    """Password for a target URL that carries none."""
    source_urls: SecretStr | None = None
    """URLs of sources with their passwords or signatures, apart by spaces or lines; the ledger keeps them without."""
    source_root: Path | None = None
    """The API reads sources below this folder only."""
    snapshot_dir: Path = Path(".convoy/snapshots")
    """Snapshots of sources; every worker must see the same folder, unless there is a stage."""
    snapshot_retention_hours: float = Field(default=24.0, ge=0)
    """How long a snapshot stays after the last run that needed it; a local cluster keeps it until the run's end."""
    stage_url: str | None = None
    """Where hosts that share no disk get their snapshots from: a folder, `s3://`, or the API as `http(s)://`."""
    stage_cache_bytes: int = Field(default=20 << 30, ge=0)
    """Room for snapshots that were fetched from the stage; what was not read for longest goes first."""
    embedded_dir: Path = Path(".convoy/postgres")
    """Data folder of the embedded PostgreSQL."""
    report_dir: Path = Path(".convoy/reports")
    signing_key: SecretStr | None = None
    """Private Ed25519 key, as PEM or as the path of a PEM file: reports are signed with it."""

    broker_url_file: Path | None = None
    target_url_file: Path | None = None
    target_password_file: Path | None = None
    signing_key_file: Path | None = None
    source_urls_file: Path | None = None
    api_token_file: Path | None = None
    """Tokens as in `api_token`, one a line; the API reads the file anew whenever it changes."""

    api_token: SecretStr | None = None
    """Tokens that may do everything, separated by commas; the first is what workers show to a stage."""
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    flower_url: str = "http://127.0.0.1:5555"
    """Where the dashboard's link to Flower leads."""

    lease_seconds: float = Field(default=30.0, gt=0)
    """A running step that holds no row lock after this time has lost its worker."""
    watchdog_seconds: float = Field(default=30.0, gt=0)
    silence_seconds: float = Field(default=120.0, gt=0)
    """A worker that gave no sign of life for so long is stopped or frozen: its connections are ended."""
    max_attempts: int = Field(default=5, ge=1)
    soft_time_limit_seconds: int = 3_300
    hard_time_limit_seconds: int = 3_600
    visibility_timeout_seconds: int = 7_200
    """Must stay above the hard time limit: shorter, and Redis hands out running tasks a second time."""
    log_level: str = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _take_secrets_from_files(cls, given: Any) -> Any:
        """Put what a `..._file` holds where the setting itself would stand; the API's tokens are read when needed."""
        if not isinstance(given, dict):
            return given
        values = dict(given)
        for name in SECRETS:
            file = values.get(f"{name}_file")
            if not file:
                continue
            setting = f"{PREFIX}{name.upper()}"
            if values.get(name):
                raise PydanticCustomError(
                    "secret_twice", f"{setting} and {setting}_FILE are both set: keep one"
                )
            text = read_secret_file(Path(file), f"{setting}_FILE")
            if name != "api_token":
                values[name] = text
                del values[f"{name}_file"]
        return values

    def api_tokens(self) -> tuple[str, ...]:
        """Return the tokens that the settings name, as they are now: a file may have changed.

        Raises:
            ValueError: the file cannot be read.
        """
        if self.api_token_file is not None:
            text = read_secret_file(self.api_token_file, f"{PREFIX}API_TOKEN_FILE")
        else:
            text = self.api_token.get_secret_value() if self.api_token else ""
        return tuple(filter(None, (token.strip() for token in text.replace(",", "\n").splitlines())))

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that the settings hold, so that nothing prints them."""
        urls = (self.broker_url, self.target_url, self.stage_url)
        plain = [url.get_secret_value() if isinstance(url, SecretStr) else url for url in urls if url]
        sources = self.source_urls.get_secret_value().split() if self.source_urls else []
        values = (self.target_password, self.signing_key)
        return (
            *(secret for url in (*plain, *sources) for secret in secrets_of_url(url)),
            *(value.get_secret_value() for value in values if value is not None),
            *_readable_tokens(self),
        )


def _readable_tokens(settings: Settings) -> tuple[str, ...]:
    try:
        return settings.api_tokens()
    except ValueError:
        return ()


def read_secret_file(file: Path, setting: str) -> str:
    """Return what a file of one secret holds, without the line end.

    Raises:
        ValueError: it cannot be read; names the setting and never the content.
    """
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise PydanticCustomError(
            "secret_file", f"{setting} names {file}, which cannot be read: {reason}"
        ) from None


def open_env_file() -> str | None:
    """Return a sentence where others may read the secrets of `.env`; None where all is well, or there are none."""
    try:
        is_open = Path(ENV_FILE).stat().st_mode & 0o077 != 0
    except OSError:
        return None
    if not is_open:
        return None
    written = dotenv_values(ENV_FILE)
    secrets = {f"{PREFIX}{name.upper()}" for name in SECRETS} | {"FLOWER_BASIC_AUTH", "PGPASSWORD"}
    if not any(written.get(name) for name in secrets):
        return None
    return f"Other users of this machine may read the secrets in {ENV_FILE}; type: chmod 600 {ENV_FILE}"


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once for each process."""
    settings = Settings(_env_file=None if os.environ.get(WITHOUT_ENV_FILE) else ENV_FILE)  # type: ignore[call-arg]
    remember_secrets(settings.secrets())
    remember_secrets(os.environ.get(name) for name in _SECRET_VARIABLES)
    remember_secrets(pair.partition(":")[2] for pair in os.environ.get("FLOWER_BASIC_AUTH", "").split(","))
    return settings
