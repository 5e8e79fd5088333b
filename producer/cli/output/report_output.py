"""Writes the report of a finished run anew, after something was done to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration.errors import ReportNotWrittenError
from producer.cli.cli_settings import signing_key_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.run_records import RunRecord
    from migration.report.report_model import Report
    from migration.settings import Settings
    from producer.cli.target_options import Target


def renew_report(
    engine: Engine, record: RunRecord, target: Target, settings: Settings, folder: Path | None, *, done: str
) -> Report:
    """Write the report into `folder`, or where a run's report is by default, and return it.

    Raises:
        ReportNotWrittenError: it cannot be written; says that what was asked for is `done` all the same.
    """
    from migration.report.report_builder import build_report, write_report
    from producer.cli.output.command_lines import with_target

    report = with_target(build_report(engine, record.id), target)
    folder = folder or settings.report_dir / record.id
    try:
        _, html_path = write_report(report, folder, signing_key_of(settings))
    except OSError as error:
        raise ReportNotWrittenError(
            f"{done}, but the report cannot be written: {error.strerror}",
            file=str(folder),
            remedy="Name another folder with --report",
        ) from error
    click.echo(f"The report, written anew: {html_path}", err=True)
    return report
