"""Frozen settings: from the environment, `.env` and `convoy.toml`, in that order; the only place that reads them.

Every name carries the prefix ``MIGRATION_``, but in `convoy.toml`; `.env.example` lists them all, and
docs/configuration.md says which of them counts.
The launcher of the Procfile (process_launcher.py) hands the same things on, to each process what it needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

from dotenv import dotenv_values
from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from migration.errors import SettingError
from migration.secret_files import read_secret_file
from migration.secret_text import remember_secrets, secrets_of_url
from migration.setting_urls import URL_SETTINGS, check_setting_url
from migration.settings_file import SettingsFile, SettingsFileRefusedError, find_settings_file
from migration.state_folder import HERE, StateFolder, choose_state_folder
from migration.trusted_networks import NetworkList

DEFAULT: Final = "default"
ENVIRONMENT: Final = "environment"
DOTENV: Final = ".env"
_FLOWER_PORT: Final = "FLOWER_PORT"
BELOW_STATE: Final = {
    "snapshot_dir": "snapshots",
    "embedded_dir": "postgres",
    "report_dir": "reports",
    "log_dir": "logs",
}
"""Setting → what it is called below the folder of all that Convoy keeps."""
PREFIX: Final = "MIGRATION_"
ENV_FILE: Final = DOTENV
_PLACES: Final = (ENVIRONMENT, DOTENV, DEFAULT)
_OTHER_NAMES: Final = {"OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint"}
WITHOUT_ENV_FILE: Final = "CONVOY_WITHOUT_ENV_FILE"
"""Of a process that was given what it needs from `.env` already, and is to see nothing else of it."""
SECRETS: Final = ("broker_url", "target_url", "target_password", "api_token", "signing_key", "source_urls")
"""Settings that are a secret or may hold one: each may come from a file instead, which `..._FILE` names."""
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SECRET_VARIABLES: Final = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")  # libraries read them


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
        populate_by_name=True,
    )

    broker_url: str | None = None
    """Redis or Valkey; without one the command line starts a broker of its own."""
    target_url: SecretStr | None = None
    """PostgreSQL that holds the target tables and the ledger."""
    target_password: SecretStr | None = None
    """Password for a target URL that carries none."""
    targets_file: Path | None = None
    """TOML file of further targets by name, each with a ledger of its own; read anew whenever it changes."""
    source_urls: SecretStr | None = None
    """URLs of sources with their passwords or signatures, apart by spaces or lines; the ledger keeps them without."""
    source_root: Path | None = None
    """The API reads sources below this folder only."""
    source_seconds: int = Field(default=60, ge=1)
    """How long reading, computing or unpacking a source may take; one second more for each MiB of it."""
    source_memory_bytes: int = Field(default=2 << 30, ge=256 << 20)
    """Memory of a process that computes, unpacks or salvages a source."""
    source_computed_bytes: int = Field(default=64 << 20, ge=0)
    """What columns that a source computes when it is read may come to; four times its size, if that is more."""
    source_unpacked_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """What a dump or compressed file may become; a hundred times its size, if that is more."""
    source_fetched_bytes: int = Field(default=64 << 30, ge=0)
    """The largest source that a URL may bring."""
    source_schema_bytes: int = Field(default=32 << 20, ge=0)
    """All definitions of tables, views, indexes and triggers of a source together."""
    state_dir: Path = HERE
    """Where the folders below are unless they are named themselves; elsewhere where this one cannot be made."""
    snapshot_dir: Path = Path(".convoy/snapshots")
    """Snapshots of sources; every worker must see the same folder, unless there is a stage."""
    snapshot_retention_hours: float = Field(allow_inf_nan=False, default=24.0, ge=0)
    """How long a snapshot stays after the last run that needed it; a local cluster keeps it until the run's end."""
    stage_url: str | None = None
    """Where hosts that share no disk get their snapshots from: a folder, `s3://`, or the API as `http(s)://`."""
    stage_cache_bytes: int = Field(default=20 << 30, ge=0)
    """Room for snapshots that were fetched from the stage; what was not read for longest goes first."""
    embedded_dir: Path = Path(".convoy/postgres")
    """Data folder of the embedded PostgreSQL."""
    report_dir: Path = Path(".convoy/reports")
    """Where reports go without `--report`, each in a folder named by its run."""
    log_dir: Path | None = None
    """Logs of local clusters; None: `logs` beside the reports."""
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
    """Address that the API listens on."""
    api_port: int = Field(default=8000, ge=0, le=65_535)
    """Port that the API listens on."""
    trusted_proxies: NetworkList = ""
    """Proxies in front of the API, whose `X-Forwarded-For` counts: addresses and networks, apart by commas."""
    flower_url: str = "http://127.0.0.1:5555"
    """Where the dashboard's link to Flower leads."""

    lease_seconds: float = Field(allow_inf_nan=False, default=30.0, gt=0)
    """A running step that holds no row lock after this time has lost its worker."""
    watchdog_seconds: float = Field(allow_inf_nan=False, default=30.0, gt=0)
    """How often unfinished work is looked for that nobody does any more."""
    silence_seconds: float = Field(allow_inf_nan=False, default=120.0, gt=0)
    """A worker that gave no sign of life for so long is stopped or frozen: its connections are ended."""
    max_attempts: int = Field(default=5, ge=1)
    """So often a step is tried before it fails, and its run with it."""
    soft_time_limit_seconds: int = Field(default=3_300, ge=1)
    """A step is told to end after so long: it is rolled back, and tried again."""
    hard_time_limit_seconds: int = Field(default=3_600, ge=1)
    """The process of a step is killed after so long."""
    visibility_timeout_seconds: int = Field(default=7_200, ge=1)
    """Must stay above the hard time limit: shorter, and Redis hands out running tasks a second time."""
    log_level: str = "INFO"
    """The least that is logged: DEBUG, INFO, WARNING or ERROR."""
    log_format: Literal["text", "json", "auto"] = "text"
    """`text` for people, `json` for programs, `auto`: text on a terminal, JSON elsewhere."""
    otlp_endpoint: str | None = Field(
        default=None, validation_alias=AliasChoices("MIGRATION_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    """Where OpenTelemetry traces go, by OTLP over HTTP: `http://collector:4318`; None: nowhere."""

    @field_validator(*URL_SETTINGS)
    @classmethod
    def _check_url(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.field_name is not None:
            check_setting_url(
                info.field_name, value.get_secret_value() if isinstance(value, SecretStr) else value
            )
        return value

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise PydanticCustomError("log_level", f"The levels are {', '.join(LOG_LEVELS)}")
        return value

    @field_validator("visibility_timeout_seconds")
    @classmethod
    def _check_visibility(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("hard_time_limit_seconds", 0):
            raise PydanticCustomError(
                "visibility_timeout", "It has to be above MIGRATION_HARD_TIME_LIMIT_SECONDS"
            )
        return value

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

    @property
    def log_folder(self) -> Path:
        """Where a local cluster keeps its logs."""
        return self.report_dir.parent / "logs" if self.log_dir is None else self.log_dir

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the one that counts first; whoever names no `.env` wants no `convoy.toml` either."""
        named: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings, dotenv_settings)
        if isinstance(dotenv_settings, DotEnvSettingsSource) and dotenv_settings.env_file is None:
            return (*named, file_secret_settings)
        return (*named, _SettingsFileSource(settings_cls), file_secret_settings)

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


def env_file_values() -> dict[str, str | None]:
    """Return what `.env` sets; nothing where there is no such file, or a pipe that may never be filled.

    Raises:
        UnicodeDecodeError: it is no text in UTF-8.
    """
    return dotenv_values(ENV_FILE) if Path(ENV_FILE).is_file() else {}


class _SettingsFileSource(PydanticBaseSettingsSource):
    """The settings of `convoy.toml`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Return one value."""
        return settings_file().settings.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all values."""
        return dict(settings_file().settings)


def settings_file() -> SettingsFile:
    """Return what `convoy.toml` says.

    Raises:
        SettingsFileRefusedError: it cannot be used.
    """
    return find_settings_file(
        _home_folder("XDG_CONFIG_HOME", ".config"), frozenset(Settings.model_fields), secret_names()
    )


def secret_names() -> frozenset[str]:
    """Return the settings that hold a secret."""
    return frozenset(
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    )


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once for each process.

    Raises:
        SettingError: a setting has a value that makes no sense, or `convoy.toml` cannot be used.
    """
    try:
        # The file that is none: other than None it still lets `convoy.toml` be read.
        file = os.devnull if os.environ.get(WITHOUT_ENV_FILE) else ENV_FILE
        settings = Settings(_env_file=file)  # type: ignore[call-arg]
        _remember(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = _field_of("_".join(map(str, first["loc"])))
        origin = setting_origins().get(name, ENVIRONMENT)
        raise SettingError(
            f"{first['msg']}",
            setting=name if not name or origin.endswith(".toml") else f"{PREFIX}{name.upper()}",
            file="" if origin in _PLACES else origin,
            remedy="Correct it in the environment or in .env" if origin in _PLACES else "Correct it there",
        ) from None
    except UnicodeDecodeError:
        raise SettingError(
            f"{ENV_FILE} is no text in UTF-8", file=ENV_FILE, remedy="Correct or remove it"
        ) from None
    except SettingsFileRefusedError as error:
        raise SettingError(error.what, setting=error.key, file=str(error.path), remedy=error.remedy) from None
    return _completed(settings)


def state_folder(settings: Settings) -> StateFolder:
    """Return where what Convoy keeps is, unless a setting moves a part of it."""
    if "state_dir" in settings.model_fields_set:
        return StateFolder(settings.state_dir)
    return choose_state_folder(_home_folder("XDG_STATE_HOME", ".local/state"))


def _completed(settings: Settings) -> Settings:
    """Put the folders that nobody has named below the state folder, and the link to where Flower listens."""
    state = state_folder(settings)
    given = settings.model_fields_set
    moved: dict[str, Any] = {
        name: state.path / below
        for name, below in BELOW_STATE.items()
        # A database is to be found again: a folder that a restart takes away is no place for it.
        if name not in given and (state.stays or name != "embedded_dir")
    }
    port = _flower_port()
    if port and "flower_url" not in given:
        moved["flower_url"] = f"http://127.0.0.1:{port}"
    return settings.model_copy(update=moved)


def _flower_port() -> str:
    """Return the port that Flower is given, whose variable is its own: the dashboard's link follows it."""
    named = os.environ.get(_FLOWER_PORT) or env_file_values().get(_FLOWER_PORT) or ""
    return named if named.isdecimal() else ""


def setting_origins() -> Mapping[str, str]:
    """Return for each setting what says it: `environment`, `.env`, the path of a `convoy.toml`, or `default`."""
    file = settings_file()
    origins = dict.fromkeys(Settings.model_fields, DEFAULT)
    origins |= dict.fromkeys(file.settings, str(file.path))
    for origin, source in (
        (DOTENV, DotEnvSettingsSource(Settings)),
        (ENVIRONMENT, EnvSettingsSource(Settings)),
    ):
        origins |= {_field_of(name): origin for name in source() if _field_of(name) in origins}
    # What came from a file is said by whatever has named that.
    return origins | {
        name: said for name in SECRETS if (said := origins.get(f"{name}_file", DEFAULT)) != DEFAULT
    }


def _field_of(name: str) -> str:
    """Return the setting that a variable with another prefix, or the alias of one, stands for."""
    return name.removeprefix(PREFIX).lower() if name.startswith(PREFIX) else _OTHER_NAMES.get(name, name)


def _home_folder(variable: str, below_home: str) -> Path | None:
    """Return a folder of the XDG Base Directory Specification, where relative ones count as not given."""
    named, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
    if named.startswith("/"):
        return Path(named)
    return Path(home) / below_home if home.startswith("/") else None


def _remember(settings: Settings) -> None:
    """Let this process never print what is secret of its settings and its environment."""
    remember_secrets(settings.secrets())
    remember_secrets(os.environ.get(name) for name in _SECRET_VARIABLES)
    remember_secrets(pair.partition(":")[2] for pair in os.environ.get("FLOWER_BASIC_AUTH", "").split(","))
