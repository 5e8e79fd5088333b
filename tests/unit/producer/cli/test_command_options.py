from __future__ import annotations

from dataclasses import replace

import click
import pytest

from migration.mapping_file_model import MappingFile, OnOrphan
from migration.model import Mode, OnError, Source
from migration.report.next_commands import repeat
from migration.run_options import RunOptions
from producer.cli.app import commands
from producer.cli.option_values import run_options


def options_of(*words: str) -> RunOptions:
    """Return the options of `migrate` with these flags."""
    command = commands.get_command(click.Context(commands), "migrate")
    assert command is not None
    context = command.make_context("migrate", ["--source", "a.db", *words])
    return run_options(Mode.MIGRATE, (Source("a", "a.db"),), dict(context.params))


@pytest.mark.parametrize(
    ("words", "on_error", "salvage"),
    [
        ((), OnError.QUARANTINE, False),
        (("--on-error", "abort"), OnError.ABORT, False),
        (("--salvage",), OnError.QUARANTINE, True),
    ],
)
def test_flags_for_trouble_reach_the_run(words: tuple[str, ...], on_error: OnError, salvage: bool) -> None:
    options = options_of(*words)
    assert (options.on_error, options.salvage) == (on_error, salvage)
    assert all(word in repeat(options, Mode.MIGRATE).split() for word in words)


@pytest.mark.parametrize("choice", OnOrphan)
def test_choice_for_orphan_rows_reaches_the_run_and_is_repeated(choice: OnOrphan) -> None:
    options = options_of("--on-orphan", choice.value)
    assert options.on_orphan is choice
    assert ("--on-orphan" in repeat(options, Mode.MIGRATE)) == (choice is not OnOrphan.NOT_VALID)
    assert "--on-orphan" not in repeat(options, Mode.VALIDATE)
    assert options_of().on_orphan is OnOrphan.NOT_VALID


def test_a_validation_is_offered_without_flags_that_it_does_not_know() -> None:
    options = replace(options_of("--on-error", "abort", "--salvage"), mode=Mode.MIGRATE)
    assert "--on-error" not in repeat(options, Mode.VALIDATE)
    assert "--salvage" in repeat(options, Mode.VALIDATE)


def test_load_of_rows_alone_reaches_the_run_and_is_repeated() -> None:
    assert options_of().data_only is False
    options = options_of("--data-only")
    assert options.data_only is True
    assert "--data-only" in repeat(options, Mode.MIGRATE).split()
    assert "--data-only" in repeat(options, Mode.VALIDATE).split()


def test_line_to_type_next_names_the_mapping_file() -> None:
    options = replace(options_of(), mapping=MappingFile("shop.toml"))
    assert "--mapping shop.toml" in repeat(options, Mode.VALIDATE)
