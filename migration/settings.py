"""Frozen settings, from the environment and from `.env`: the only place that reads either.

Every name carries the prefix ``MIGRATION_``; `.env.example` lists them all.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a process must know before its first message. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="MIGRATION_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # an empty MIGRATION_SOURCE_ROOT must not mean the current folder
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    broker_url: str | None = None
    """Redis or Valkey; None: the command line starts a broker of its own."""
    target_url: SecretStr | None = None
    """PostgreSQL that holds the target tables and the ledger."""
    target_password: SecretStr | None = None
    """Password for a target URL that carries none."""
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

    api_token: SecretStr | None = None
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
    log_format: Literal["text", "json", "auto"] = "text"
    """`text` for people, `json` for programs, `auto`: text on a terminal, JSON elsewhere."""
    otlp_endpoint: str | None = Field(
        default=None, validation_alias=AliasChoices("MIGRATION_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    """Where OpenTelemetry traces go, by OTLP over HTTP: `http://collector:4318`; None: nowhere."""


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once for each process."""
    return Settings()
