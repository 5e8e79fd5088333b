"""The error of a run whose step has failed for good."""

from __future__ import annotations

from migration.convoy_error import ConvoyError
from migration.error_record import error_from_record
from migration.errors import RunFailedError, UsageError
from migration.exit_status import ExitStatus
from migration.ledger.run_records import RunRecord
from migration.ledger.step_records import Failure
from migration.model import Mode


def error_of_step(run: RunRecord, failure: Failure) -> ConvoyError:
    """Return the error of a run whose step gave up: the step's own, with the run's place before it."""
    if failure.details is None:
        error: ConvoyError = RunFailedError(failure.error or "A step failed")
    else:
        error = error_from_record(failure.details)
    error.place = {"run": run.id, "phase": run.phase.value, **error.place}
    # Steps have run, so something may have been changed, whatever the class of the error says; but for a dry-run's,
    # which ends as the run would that changes nothing either.
    if run.options.mode is not Mode.DRY_RUN or not isinstance(error, UsageError):
        error.exit_status = ExitStatus.FAILED
    return error
