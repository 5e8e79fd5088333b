"""Next steps are read from the code that makes them, and one that cannot be read is an error."""

from __future__ import annotations

import ast

import pytest

from documentation.next_step_reader import (
    StepTemplate,
    UnreadableStepError,
    next_step_templates,
    templates_in,
)


def read(code: str) -> set[StepTemplate]:
    return set(templates_in("migration/example.py", ast.parse(code)))


@pytest.mark.parametrize(
    ("code", "purpose", "command"),
    [
        ('NextStep("Look", "migration-cli status")', "Look", "migration-cli status"),
        ('NextStep("Look", f"migration-cli status {run.id}")', "Look", "migration-cli status {run}"),
        ('NextStep(f"End {pid}", f"SELECT end({pid})")', "End {pid}", "SELECT end({pid})"),
        ('NextStep("Go on", next_commands.resume(run_id))', "Go on", "migration-cli resume {run}"),
        ('WHAT = "Look"\nNextStep(WHAT, "ls")', "Look", "ls"),
        (
            "again = f\"migration-cli {'cutover' if held else 'resume'} {id}\"\nNextStep(\"Try\", again)",
            "Try",
            "migration-cli {cutover|resume} {value}",
        ),
        ('NextStep("Do", composed(elsewhere))', "Do", ""),
    ],
)
def test_a_step_is_read(code: str, purpose: str, command: str) -> None:
    assert read(code) == {StepTemplate(purpose, command)}


def test_all_purposes_of_a_table_are_read() -> None:
    code = 'TABLE = {"a": ("First", 1), "b": ("Second", 2)}\npurpose, number = TABLE[code]\nNextStep(purpose, "ls")'
    assert read(code) == {StepTemplate("First", "ls"), StepTemplate("Second", "ls")}


@pytest.mark.parametrize(
    "code", ["NextStep(say(x), 'ls')", "NextStep(unknown, 'ls')", "NextStep(purpose='x', command='y')"]
)
def test_a_purpose_that_is_composed_is_an_error_that_names_the_place(code: str) -> None:
    with pytest.raises(UnreadableStepError, match=r"migration/example\.py:1: write "):
        read(code)


def test_most_commands_can_be_read() -> None:
    steps = next_step_templates()
    assert len(steps) > 40
    assert sum(not step.command for step in steps) < len(steps) / 4
