"""What a rollback, a purge and the check of a report may say: there is something to lose, or nothing left."""

from __future__ import annotations

from typing import Any

from migration.errors import TargetChangedError, UsageError


class LaterWritesError(TargetChangedError):
    """Rows have been written since the cutover, which a rollback would lose."""

    code = "written-since-cutover"
    writes: tuple[dict[str, Any], ...] = ()
    """What was written to each table, as figures."""


class SigningKeyError(UsageError):
    """The public key that a report is to be checked with is none."""

    code = "signing-key-invalid"


class ReportUnusableError(UsageError):
    """There is no report in the folder, or it cannot be read."""

    code = "report-unusable"


class RunPurgedError(UsageError):
    """What the run had kept for rollback and retry was removed on purpose."""

    code = "run-purged"
