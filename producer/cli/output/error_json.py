"""The error of a command as one JSON object on stdout, where `--json` asks for it (docs/errors.md)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Sequence

import click

from migration.convoy_error import ConvoyError, NextStep
from migration.error_record import error_record
from migration.errors import RetryableError, TargetError, UsageError
from migration.secret_text import without_secrets
from producer.cli.output.command_lines import fit_error, program
from producer.cli.output.error_output import without_passwords
from producer.cli.target_options import Target

# --target-pass is left out: no command that is handed on holds a password.
_TARGET_FLAGS = ("--target", "--target-url", "--target-host", "--target-port", "--target-db", "--target-user")


def print_error_json(error: ConvoyError, arguments: Sequence[str]) -> None:
    """Print ``{"error": {...}}``, as `error_record` has it, without passwords; nothing where nobody asked for JSON.

    Args:
        error: any.
        arguments: of the command.
    """
    if "--json" not in _own(arguments):
        return
    record = error_record(error, _clean)
    click.echo(json.dumps({"error": record}, indent=2))


def make_pastable(error: ConvoyError, arguments: Sequence[str]) -> None:
    """Let the commands that an error names work as pasted: with the target and sources of a command that met it.

    Args:
        error: any; its sentences and next steps are changed.
        arguments: of the command.
    """
    fit_error(error, _target(arguments), _values(arguments, {"--source"}))


def of_click(error: click.ClickException) -> ConvoyError:
    """Return what click has to say about a command line as an error with a code."""
    named: str | None = getattr(error, "option_name", None)
    if isinstance(error, click.BadParameter) and error.param is not None:
        named = max(error.param.opts, key=len) if isinstance(error.param, click.Option) else error.param.name
    context = getattr(error, "ctx", None)
    words = context.command_path.split()[1:] if context is not None else []
    steps = (NextStep("See the flags", shlex.join([program(), *words, "--help"])),)
    what, _, hint = error.format_message().rstrip(".?").partition(". ")  # Did you mean ...?
    return UsageError(what, remedy=hint, next_steps=steps, setting=named or "")


def of_database(error: BaseException) -> ConvoyError | None:
    """Return what PostgreSQL's own troubles amount to, wherever a command met them; None for anything else.

    What it refuses for good is a fault of this code, and a crash.
    """
    if not type(error).__module__.startswith(("sqlalchemy.", "psycopg.")) or not isinstance(error, Exception):
        return None
    from migration.target.postgres_errors import translate

    known = translate(error)
    return known if isinstance(known, RetryableError | TargetError) else None


def of_crash(error: Exception) -> ConvoyError:
    """Return an error that nobody foresaw as one with a code; its first line stands for it."""
    lines = str(error).strip().splitlines() or [""]
    return ConvoyError(f"{type(error).__name__}: {lines[0]}".rstrip(".: "))


def _own(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments before ``--``: what follows belongs to another program."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _target(arguments: Sequence[str]) -> Target:
    """Return the target as it was named on the command line, or else by the settings."""
    flags = dict(_pairs(arguments, _TARGET_FLAGS))
    if not flags:
        return Target(_url_of_settings(), "", None, ())
    words = tuple(part for pair in flags.items() for part in pair)
    return Target(flags.get("--target-url", ""), flags.get("--target-db", ""), None, words)


def _url_of_settings() -> str:
    from migration.settings import load_settings

    try:
        url = load_settings().target_url
    except ConvoyError:  # which may be the very error that is told
        return ""
    return _clean(url.get_secret_value()) if url is not None else ""


def _values(arguments: Sequence[str], names: Collection[str]) -> tuple[str, ...]:
    return tuple(value for _, value in _pairs(arguments, names))


def _pairs(arguments: Sequence[str], names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield flag and value of those flags that have these names, without passwords."""
    words = iter(_own(arguments))
    for word in words:
        name, equals, value = word.partition("=")
        if name in names:
            yield name, _clean(value if equals else next(words, ""))


def _clean(text: str) -> str:
    return without_secrets(without_passwords(text))
