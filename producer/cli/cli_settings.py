"""Settings for the command line, and what has to be true before anything is begun: a wrong one is a sentence."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import click

from migration.process_settings import setting_warnings
from migration.settings import Settings, load_settings, state_folder
from migration.state_folder import HERE
from migration.writable_folders import current_folder, setting_of_folder, writable_folder


def read_settings() -> Settings:
    """Return the settings; tells the user once where files go if they cannot go into the current folder.

    Raises:
        SettingError: a variable of the environment, of .env or of convoy.toml has a value that makes no sense.
        FolderNotWritableError: the current folder is gone.
    """
    current_folder()
    settings = load_settings()
    _warn()
    _tell_state_folder(settings)
    key = signing_key_of(settings)
    if key is not None:  # a run should not come to its end before it shows that its report cannot be signed
        from migration.report.report_signature import load_signing_key

        load_signing_key(key)
    return settings


@lru_cache(maxsize=1)
def _warn() -> None:
    for trouble in setting_warnings():
        click.echo(f"warning: {trouble}", err=True)


def check_folders(settings: Settings, report: Path | None) -> None:
    """Try the folders that a run writes into at its beginning and at its end, before it has begun.

    Args:
        settings: for the folders that no flag names.
        report: of the flag.

    Raises:
        FolderNotWritableError: one of them takes no files.
    """
    if settings.broker_url is None:  # otherwise the producer makes snapshots, on its host
        writable_folder(
            settings.snapshot_dir, holds="snapshots", setting=setting_of_folder(settings, "snapshot_dir")
        )
    if report is None:
        writable_folder(
            settings.report_dir, holds="reports", setting=setting_of_folder(settings, "report_dir")
        )
    else:
        writable_folder(report, holds="the report", setting="--report")


@lru_cache(maxsize=1)
def _tell_state_folder(settings: Settings) -> None:
    state = state_folder(settings)
    if "state_dir" in settings.model_fields_set or state.path == HERE:
        return
    lasting = "" if state.stays else ", until the machine is restarted"
    click.echo(
        f"This folder cannot be written to: snapshots, logs and reports go to {state.path}{lasting}"
        " (MIGRATION_STATE_DIR moves them).",
        err=True,
    )


def signing_key_of(settings: Settings) -> str | None:
    """Return the key that reports are signed with, or the path of its file; None: they are not signed."""
    return None if settings.signing_key is None else settings.signing_key.get_secret_value()
