"""Command lines to type next, for the very target that this one works on."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from producer.cli.target_options import Target

if TYPE_CHECKING:
    from migration.report.report_model import Report

_PROGRAM = "migration-cli"
_OTHER_NAME = "convoy-migrate"
_NEED_TARGET = frozenset(
    {
        "resume",
        "cutover",
        "rollback",
        "cancel",
        "status",
        "migrate",
        "dry-run",
        "validate",
        "quarantine",
        "cleanup",
        "purge",
    }
)


def program() -> str:
    """Return what this command is called in the user's shell: `migration-cli`, or its path outside an environment."""
    called = sys.argv[0]
    if Path(called).name in {_PROGRAM, _OTHER_NAME} and shutil.which(_PROGRAM) is None:
        return called
    return _PROGRAM


def command_line(target: Target, *words: str) -> str:
    """Return a line of migration-cli with the flags that name the target."""
    return shlex.join([program(), *words, *target.flags])


def with_target(report: Report, target: Target) -> Report:
    """Return a report whose commands can be pasted: a report knows neither flags nor embedded servers."""

    def fit(line: str) -> str:
        return fit_command(line, target)

    error = report.error_details
    return replace(
        report,
        error_details=error
        and replace(
            error, next_steps=tuple(replace(step, command=fit(step.command)) for step in error.next_steps)
        ),
        resume_command=report.resume_command and fit(report.resume_command),
        next_steps=tuple(replace(step, command=fit(step.command)) for step in report.next_steps),
        recommendations=tuple(
            replace(advice, commands=tuple(fit(line) for line in advice.commands))
            for advice in report.recommendations
        ),
    )


def fit_command(line: str, target: Target) -> str:
    """Return a line of migration-cli or psql such that it reaches the target; any other line as it is.

    >>> embedded = Target("embedded", "educational_apps", None, ("--target-url", "embedded"))
    >>> fit_command("migration-cli rollback 0198", embedded)
    'migration-cli rollback 0198 --target-url embedded'
    >>> fit_command("psql 'postgresql://postgres@/educational_apps?host=/run' -c 'TABLE t'", embedded)
    "migration-cli psql -c 'TABLE t'"
    """
    try:
        words = shlex.split(line)
    except ValueError:  # SQL with an apostrophe
        return line
    if len(words) > 1 and words[0] == _PROGRAM and words[1] in _NEED_TARGET:
        return shlex.join([program(), *_without_target(words[1:]), *target.flags])
    if words[:1] == ["psql"] and target.is_embedded:
        database = [word for word in target.flags if word not in {"--target-url", "embedded"}]
        return shlex.join([program(), "psql", *database, *words[2:]])
    return line


def _without_target(words: Sequence[str]) -> list[str]:
    for flag in ("--target-url", "--target"):
        if flag in words:
            at = words.index(flag)
            words = [*words[:at], *words[at + 2 :]]
    return list(words)
