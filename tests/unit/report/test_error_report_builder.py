from __future__ import annotations

from dataclasses import replace

import pytest

from migration.convoy_error import ConvoyError, NextStep
from migration.error_record import error_record
from migration.errors import NotEqualError, RejectedValueError, SourceCorruptError, TargetOccupiedError
from migration.model import OnError
from migration.report.report_builder import assemble
from migration.report.run_facts import Facts
from tests.unit.report import factories, scenarios


def failed_with(error: ConvoyError, **options: object) -> Facts:
    facts = scenarios.failed_facts(failure={"exit_status": 2, "error_details": error_record(error)})
    return replace(facts, run=replace(facts.run, options=replace(facts.run.options, **options)))


def test_error_of_a_failed_run_is_data_beside_its_text() -> None:
    report = assemble(scenarios.failed_facts())
    error = report.error_details
    assert error is not None
    assert (error.code, error.message) == ("disk-full", report.error)
    assert (error.run, error.table, error.chunk, error.column) == (
        factories.RUN_ID,
        "question_history",
        3,
        None,
    )
    assert [step.command for step in error.next_steps] == [f"migration-cli resume {factories.RUN_ID}"]


def test_a_run_that_did_not_fail_has_none() -> None:
    assert assemble(scenarios.school_facts()).error_details is None
    resumed = replace(scenarios.school_facts(), failure=scenarios.failed_facts().failure)
    assert assemble(resumed).error_details is None


def test_a_ledger_of_an_older_convoy_gives_none() -> None:
    report = assemble(scenarios.failed_facts(failure={"exit_status": 3}))
    assert (report.error_details, report.exit_status) == (None, 3)
    assert report.error


@pytest.mark.parametrize(
    ("error", "options", "flag"),
    [
        (TargetOccupiedError("x"), {}, "--if-exists replace"),
        (SourceCorruptError("x"), {}, "--salvage"),
        (RejectedValueError("x"), {"on_error": OnError.ABORT}, None),
        (SourceCorruptError("x"), {"salvage": True}, None),
        (NotEqualError("x"), {}, None),
    ],
)
def test_the_command_that_gets_around_it_is_whole(
    error: ConvoyError, options: dict[str, object], flag: str | None
) -> None:
    details = assemble(failed_with(error, **options)).error_details
    assert details is not None
    commands = [step.command for step in details.next_steps]
    if flag is not None:
        (command,) = commands
        assert command.startswith("migration-cli migrate --source ")
        assert flag in command
    elif isinstance(error, RejectedValueError):
        (command,) = commands
        assert "--on-error" not in command, "keeping such rows apart is the default"
    else:
        assert commands == []


def test_no_field_holds_a_password_or_an_escape() -> None:
    secret = "postgresql://me:s3cret@db/shop \x1b[31m"
    error = TargetOccupiedError(
        secret, remedy=secret, details=secret, next_steps=(NextStep(secret, secret),), table=secret
    )
    details = str(assemble(failed_with(error)).error_details)
    assert "s3cret" not in details
    assert "\x1b" not in details
