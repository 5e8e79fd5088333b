"""The end of a command: its report is written into a folder and printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from migration.errors import ReportNotWrittenError
from migration.exit_status import ExitStatus
from migration.report.report_builder import print_report, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from migration.report.report_model import Report

_FILE_COLUMNS = 120


def put_out(report: Report, folder: Path, *, as_json: bool) -> Path:
    """Write a report and print it, as JSON or as text; return the path of the page.

    Raises:
        ReportNotWrittenError: the folder cannot be written to.
    """
    try:
        json_path, html_path = write_report(report, folder)
    except OSError as error:
        raise ReportNotWrittenError(
            f"The report cannot be written: {error.strerror}",
            file=str(folder),
            remedy="Name another folder with --report",
        ) from error
    if as_json:
        sys.stdout.write(json_path.read_text(encoding="utf-8"))
    elif report.exit_status != ExitStatus.UNUSABLE_INPUT:
        from rich.console import Console

        # A file or pipe has no width; rich would take 80 columns and fold the table.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_COLUMNS)
        print_report(report, console)
        console.print(f"\nThe whole report: {html_path}", markup=False, soft_wrap=True)
    return html_path
