"""What a run says of a step that gave up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migration.error_record import error_record
from migration.errors import (
    ConnectionLostError,
    RunFailedError,
    TargetOccupiedError,
    TargetPermissionError,
)
from migration.ledger.step_records import Failure
from migration.model import Mode, Phase
from producer.failed_step_errors import error_of_step
from tests.unit.report.factories import RUN_ID, run_record

RUN = run_record(Phase.COPYING)


def test_the_error_of_a_step_becomes_that_of_its_run() -> None:
    step = ConnectionLostError(
        "The connection was lost", table="orders", chunk=3, remedy="Look at the server"
    )
    error = error_of_step(RUN, Failure(str(step), error_record(step)))
    assert type(error) is ConnectionLostError
    assert error.place == {"run": RUN_ID, "phase": "copying", "table": "orders", "chunk": 3}
    assert str(error) == (
        f"The connection was lost (run {RUN_ID}, copying, table orders, chunk 3). Look at the server."
    )


def test_a_step_that_gave_up_is_never_unusable_input() -> None:
    step = TargetOccupiedError("A relation stands there")
    assert error_of_step(RUN, Failure(str(step), error_record(step))).exit_status == 3


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.VALIDATE])
def test_a_step_of_a_run_that_changes_nothing_keeps_its_own_status(mode: Mode) -> None:
    run = replace(RUN, options=replace(RUN.options, mode=mode))
    step = TargetPermissionError("The role loader may not read shop.sale")
    assert error_of_step(run, Failure(str(step), error_record(step))).exit_status == 2


def test_a_step_of_an_older_ledger_fails_its_run_by_its_text() -> None:
    error = error_of_step(RUN, Failure("The disk is full.", None))
    assert type(error) is RunFailedError
    assert "The disk is full." in str(error)
