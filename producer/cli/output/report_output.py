"""Writes and prints the report at the end of a command, and anew after something was done to a finished run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from migration.errors import ReportNotWrittenError
from migration.exit_status import ExitStatus
from producer.cli.cli_settings import signing_key_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from migration.ledger.run_records import RunRecord
    from migration.report.report_model import Report
    from migration.settings import Settings
    from producer.cli.target_options import Target

_FILE_COLUMNS = 120


def put_out(report: Report, folder: Path, settings: Settings, *, as_json: bool) -> Path:
    """Write a report, signed where there is a key, and print it, as JSON or as text; return the path of the page.

    Raises:
        ReportNotWrittenError: the folder cannot be written to.
        SettingError: the signing key is none.
    """
    from migration.report.report_builder import print_report, write_report

    try:
        json_path, html_path = write_report(report, folder, signing_key_of(settings))
    except OSError as error:
        raise _not_written("The report cannot be written", folder, error) from error
    if as_json:
        sys.stdout.write(json_path.read_text(encoding="utf-8"))
    elif report.exit_status != ExitStatus.UNUSABLE_INPUT:
        from rich.console import Console

        # A file or pipe has no width; rich would take 80 columns and fold the table.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_COLUMNS)
        print_report(report, console)
        console.print(f"\nThe whole report: {html_path}", markup=False, soft_wrap=True)
    return html_path


def renew_report(
    engine: Engine, record: RunRecord, target: Target, settings: Settings, folder: Path | None, *, done: str
) -> Report:
    """Write the report into `folder`, or where a run's report is by default, and return it.

    Raises:
        ReportNotWrittenError: it cannot be written; says that what was asked for is `done` all the same.
        SettingError: the signing key is none.
    """
    from migration.report.report_builder import build_report, write_report
    from producer.cli.output.command_lines import with_target

    report = with_target(build_report(engine, record.id), target)
    folder = folder or settings.report_dir / record.id
    try:
        _, html_path = write_report(report, folder, signing_key_of(settings))
    except OSError as error:
        raise _not_written(f"{done}, but the report cannot be written", folder, error) from error
    click.echo(f"The report, written anew: {html_path}", err=True)
    return report


def _not_written(sentence: str, folder: Path, error: OSError) -> ReportNotWrittenError:
    return ReportNotWrittenError(
        f"{sentence}: {error.strerror}", file=str(folder), remedy="Name another folder with --report"
    )
