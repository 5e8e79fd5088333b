"""Every command that an error, a report or a sentence names works as pasted: it names the target and the sources."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from documentation.next_step_reader import ROOMS, next_step_templates
from migration.convoy_error import ConvoyError, NextStep
from migration.errors import UnknownRunError
from migration.pasted_commands import TAKE_SOURCES, TAKE_TARGET, in_sentences, reaching
from producer.cli.app import COMMANDS, commands
from producer.cli.output.command_lines import fit_command
from producer.cli.output.error_json import make_pastable
from producer.cli.target_options import Target

ROOT = Path(__file__).resolve().parents[4]
EMBEDDED = Target("embedded", "shop", None, ("--target-url", "embedded", "--target-db", "shop"))
NAMED = Target("postgresql://me@db/crm", "", None, ("--target", "crm"))
BRACES = re.compile(r"\{[^}]*\}")


def all_flags(command: click.Command) -> set[str]:
    own = {flag for one in command.params if isinstance(one, click.Option) for flag in one.opts}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*map(all_flags, below))


def found_command(words: list[str]) -> click.Command:
    """Return the command that a line names, the one below a group."""
    command = commands.get_command(click.Context(commands), words[1])
    assert command is not None, words
    if isinstance(command, click.Group):
        return command.commands[words[2]]
    return command


def commands_in_sentences() -> Iterator[tuple[str, str]]:
    """Yield place and command of every sentence of the code that holds one between backquotes, docstrings left out."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            documentation = {
                id(node.value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            }
            for node in ast.walk(tree):
                if id(node) in documentation or not isinstance(node, ast.Constant | ast.JoinedStr):
                    continue
                text = ast.unparse(node) if isinstance(node, ast.JoinedStr) else str(node.value)
                for command in re.findall(r"`(migration-cli [^`]+)`", text):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", command


def check(line: str, place: str) -> None:
    for target in (EMBEDDED, NAMED):
        words = shlex.split(fit_command(BRACES.sub("x", line), target, ("library.db",)))
        if words[1] in COMMANDS:
            known = all_flags(found_command(words))
            assert {word for word in words if word.startswith("--")} - {"--help"} <= known, (place, words)
        takes_target = words[1] in TAKE_TARGET and "--help" not in words
        if takes_target and "--target-url embedded" not in line:
            assert words[-len(target.flags) :] == list(target.flags), (place, words)
        if words[1] in TAKE_SOURCES and "--help" not in words:
            assert "--source" in words, (place, words)


def test_the_commands_with_a_target_are_those_that_have_the_flag() -> None:
    having = {
        name
        for name in COMMANDS
        if "--target-url"
        in all_flags(commands.get_command(click.Context(commands), name) or click.Command(""))
    }
    assert having == TAKE_TARGET


def test_every_next_step_of_every_error_reaches_target_and_sources() -> None:
    lines = [step.command for step in next_step_templates() if step.by == "convoy"]
    assert len(lines) > 20
    for line in lines:
        check(line, "next step")


def test_every_command_in_a_sentence_reaches_target_and_sources() -> None:
    found = list(commands_in_sentences())
    assert len(found) > 10
    for place, line in found:
        check(line, place)


def test_no_error_names_a_command_without_backquotes() -> None:
    """Such a one could not be found, and so could not be fitted."""
    wrong = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error")):
                    continue
                told = [
                    *node.args[:1],
                    *(word.value for word in node.keywords if word.arg in {"remedy", "details"}),
                ]
                for part in told:
                    plain = re.sub(r"`[^`]*`", "", ast.unparse(part))
                    if re.search(r"\bmigration-cli [a-z]", plain):
                        wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--target", "crm"], "migration-cli status --target crm"),
        (["--target=crm"], "migration-cli status --target crm"),
        (["--target-url", "embedded"], "migration-cli status --target-url embedded"),
        (
            ["--target-url", "embedded", "--target-db", "x"],
            "migration-cli status --target-url embedded --target-db x",
        ),
        (["--target-host", "db"], "migration-cli status --target-host db"),
        (["--", "--target", "crm"], "migration-cli status"),
        ([], "migration-cli status"),
    ],
)
def test_data_and_sentence_name_the_same_command(
    arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIGRATION_TARGET_URL", raising=False)
    monkeypatch.setattr("producer.cli.output.command_lines.program", lambda: "migration-cli")
    step = NextStep("List the runs", "migration-cli status")
    error = UnknownRunError(
        "No such run", remedy="List the runs with `migration-cli status`", next_steps=(step,)
    )
    make_pastable(error, ["quarantine", "list", "01", *arguments])
    assert error.next_steps[0].command == line
    assert f"`{line}`" in str(error)


def test_a_line_without_source_gets_those_of_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIGRATION_TARGET_URL", raising=False)
    monkeypatch.setattr("producer.cli.output.command_lines.program", lambda: "migration-cli")
    error = ConvoyError("x", next_steps=(NextStep("Try", "migration-cli dry-run --salvage"),))
    make_pastable(error, ["migrate", "--source", "a=my a.db", "--source=b.db", "--target", "crm"])
    assert error.next_steps[0].command == (
        "migration-cli dry-run --source 'a=my a.db' --source b.db --salvage --target crm"
    )


def test_a_line_that_means_the_embedded_server_keeps_to_it() -> None:
    line = "migration-cli status --target-url embedded --target-db other"
    assert reaching(line, ("--target-url", "embedded", "--target-db", "shop")) == line
    assert reaching("SELECT 'it''s'", ("--target", "x")) == "SELECT 'it''s'"
    assert in_sentences("no command `pip install x`", str.upper) == "no command `pip install x`"
