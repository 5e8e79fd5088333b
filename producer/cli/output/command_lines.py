"""Command lines to type next, for the very target that this one works on."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from migration.pasted_commands import PROGRAM, in_sentences, reaching
from producer.cli.target_options import Target

if TYPE_CHECKING:
    from migration.convoy_error import ConvoyError
    from migration.report.report_model import Report

_OTHER_NAME = "convoy-migrate"


def program() -> str:
    """Return what this command is called in the user's shell: `migration-cli`, or its path outside an environment."""
    called = sys.argv[0]
    if Path(called).name in {PROGRAM, _OTHER_NAME} and shutil.which(PROGRAM) is None:
        return called
    return PROGRAM


def command_line(target: Target, *words: str) -> str:
    """Return a line of migration-cli with the flags that name the target."""
    return shlex.join([program(), *words, *target.flags])


def with_target(report: Report, target: Target) -> Report:
    """Return a report whose commands can be pasted: a report knows neither flags nor embedded servers."""
    from migration.report.fitted_report import with_fitted_commands

    return with_fitted_commands(report, lambda line: fit_command(line, target))


def fit_text(text: str, target: Target, sources: Sequence[str] = ()) -> str:
    """Return sentences in which every command between backquotes reaches the target and reads the sources."""
    return in_sentences(text, lambda line: fit_command(line, target, sources))


def fit_error(error: ConvoyError, target: Target, sources: Sequence[str] = ()) -> None:
    """Let every command that an error names, as data or in its sentences, reach the target and read the sources."""
    error.what, error.remedy, error.details = (
        fit_text(text, target, sources) for text in (error.what, error.remedy, error.details)
    )
    error.next_steps = tuple(
        replace(step, command=fit_command(step.command, target, sources)) for step in error.next_steps
    )


def fit_command(line: str, target: Target, sources: Sequence[str] = ()) -> str:
    """Return a line of migration-cli or psql such that it reaches the target; any other line as it is.

    >>> embedded = Target("embedded", "educational_apps", None, ("--target-url", "embedded"))
    >>> fit_command("migration-cli rollback 0198", embedded)
    'migration-cli rollback 0198 --target-url embedded'
    >>> fit_command("psql 'postgresql://postgres@/educational_apps?host=/run' -c 'TABLE t'", embedded)
    "migration-cli psql -c 'TABLE t'"
    """
    fitted = reaching(line, target.flags, sources, replaces=bool(target.flags or target.url))
    if fitted.startswith(f"{PROGRAM} "):
        return shlex.join([program(), *shlex.split(fitted)[1:]]) if program() != PROGRAM else fitted
    try:
        words = shlex.split(line)
    except ValueError:  # SQL with an apostrophe
        return line
    if words[:1] == ["psql"] and target.is_embedded:
        database = [word for word in target.flags if word not in {"--target-url", "embedded"}]
        return shlex.join([program(), "psql", *database, *words[2:]])
    return line
