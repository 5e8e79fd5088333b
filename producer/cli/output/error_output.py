"""What a user sees of an error: one sentence and an exit status; the rest goes into a file."""

from __future__ import annotations

import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

import click

from migration.convoy_error import ConvoyError
from migration.exit_status import ExitStatus

_PASSWORD = re.compile(r"(://[^\s:/@]*):[^\s@/]+@|\b(password=)[^\s&'\"]+", re.IGNORECASE)


def report_error(error: ConvoyError, *, verbose: bool) -> int:
    """Print an error that was raised on purpose and return its exit status."""
    if verbose:
        sys.stderr.write(without_passwords("".join(traceback.format_exception(error))))
    click.echo(f"error: {without_passwords(str(error))}", err=True)
    return error.exit_status


def report_crash(error: Exception, *, verbose: bool) -> int:
    """Print an error that nobody foresaw, keep its traceback in a file, and return the exit status."""
    details = without_passwords("".join(traceback.format_exception(error)))
    if verbose:
        sys.stderr.write(details)
    lines = without_passwords(str(error)).strip().splitlines() or [""]
    log = _keep(details)
    place = f" The details are in {log}." if log else ""
    click.echo(f"error: {type(error).__name__}: {lines[0]}.{place}", err=True)
    return ExitStatus.FAILED


def without_passwords(text: str) -> str:
    """Return a text with the passwords of its URLs and connection strings blanked."""
    return _PASSWORD.sub(lambda found: f"{found[1]}@" if found[1] else f"{found[2]}***", text)


def _keep(details: str) -> Path | None:
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}.log"
    for choose in (_log_folder, lambda: Path(tempfile.gettempdir())):
        try:
            folder = choose()
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            path.write_text(details, encoding="utf-8")
        except (OSError, ConvoyError):
            continue
        return path
    return None


def _log_folder() -> Path:
    from migration.settings import load_settings

    return load_settings().log_folder
