"""Reports that were half written when their process was killed."""

from __future__ import annotations

from pathlib import Path

from migration.errors import OutputFileError
from migration.report.report_files import unfinished_reports
from migration.steps.leftovers.leftover_record import Leftover, LeftoverKind, bytes_below

_QUIET_SECONDS = 24 * 3600.0


class LeftoverReports:
    """The folder of the reports of all runs. Reports themselves are never removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self) -> list[Leftover]:
        """Return what was never put in place."""
        reason = "its process was killed: nothing was written on it for a day"
        return [
            Leftover(LeftoverKind.UNFINISHED_REPORT, str(path), bytes_below(path), False, reason)
            for path in unfinished_reports(self._folder, _QUIET_SECONDS)
        ]

    def remove(self, leftover: Leftover) -> list[str]:
        """Remove one such file; no run needs it at any time.

        Raises:
            OutputFileError: it cannot be removed.
        """
        try:
            Path(leftover.name).unlink(missing_ok=True)
        except OSError as error:
            raise OutputFileError(
                f"It cannot be removed: {error.strerror}",
                file=leftover.name,
                remedy="Look at the rights of its folder",
            ) from error
        return []
