"""The error of a run whose step has failed for good."""

from __future__ import annotations

from migration.convoy_error import ConvoyError
from migration.error_record import error_from_record
from migration.errors import RunFailedError
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
    # Steps have run, so something may have been changed, whatever the class of the error says; but for a rehearsal's
    # or a comparison's, which end as the run would that changes nothing either.
    if run.options.mode is Mode.MIGRATE:
        error.exit_status = ExitStatus.FAILED
    return error
