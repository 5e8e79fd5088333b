"""What helps a run that has failed is said by its last error, until somebody gives the run up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from migration.convoy_error import ConvoyError
from migration.errors import (
    NotEqualError,
    SnapshotLostError,
    TargetUnreachableError,
    UnknownTableError,
)
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import find_run
from migration.ledger.run_requests import fail_run, request_cancel, request_resume
from migration.ways_on import WayOn


@pytest.mark.parametrize(
    ("error", "way"),
    [
        (TargetUnreachableError("It is away"), WayOn.RESUME),
        (SnapshotLostError("It is gone"), WayOn.EITHER),
        (NotEqualError("They differ"), WayOn.START_OVER),
        (UnknownTableError("There is none"), WayOn.ASK_ANEW),
    ],
)
def test_way_on_is_that_of_the_last_error(
    ledger: Engine, new_run: Callable[..., str], error: ConvoyError, way: WayOn
) -> None:
    run_id = new_run()
    assert read_progress(ledger, run_id).way_on is None
    fail_run(ledger, find_run(ledger, run_id), NotEqualError("An earlier one"))
    request_resume(ledger, run_id)
    assert read_progress(ledger, run_id).way_on is None
    fail_run(ledger, find_run(ledger, run_id), error)
    assert read_progress(ledger, run_id).way_on is way
    request_cancel(ledger, run_id)
    assert read_progress(ledger, run_id).way_on is None
