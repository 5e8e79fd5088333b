"""The commands by name, `--mode`, and what becomes of errors."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module

import click

from migration.convoy_error import ConvoyError
from migration.errors import CommandInterruptedError
from migration.exit_status import ExitStatus
from producer.cli.command_interruption import (
    ended_in_time,
    have_last_words,
    last_words,
    take_signals,
)
from producer.cli.output.error_json import make_pastable, of_click, of_crash, of_database, print_error_json
from producer.cli.output.error_output import report_crash, report_error
from producer.cli.output.log_lines import show_log_lines
from producer.cli.output.standard_streams import undelivered

COMMANDS: dict[str, tuple[str, str]] = {
    "migrate": ("run_commands", "migrate"),
    "dry-run": ("run_commands", "dry_run"),
    "validate": ("run_commands", "validate"),
    "resume": ("run_commands", "resume"),
    "cutover": ("run_commands", "cutover"),
    "rollback": ("run_request_commands", "rollback"),
    "pause": ("run_request_commands", "pause"),
    "cancel": ("run_request_commands", "cancel"),
    "quarantine": ("quarantine_commands", "quarantine"),
    "status": ("status_command", "status"),
    "purge": ("purge_command", "purge"),
    "cleanup": ("cleanup_command", "cleanup"),
    "token": ("token_commands", "token"),
    "verify-report": ("verify_report_command", "verify_report"),
    "apps": ("apps_command", "apps"),
    "list-tables": ("list_tables_command", "list_tables"),
    "doctor": ("doctor_command", "doctor"),
    "config": ("config_command", "config"),
    "completion": ("completion_command", "completion"),
    "up": ("up_and_psql_commands", "up"),
    "psql": ("up_and_psql_commands", "psql"),
}
"""Command → module of producer.cli.commands and name in it, in the order of the help."""

_DO_MORE = {"run_commands", "run_request_commands", "purge_command", "cleanup_command", "quarantine_commands"}
"""Modules of commands whose status speaks of a run, whatever becomes of their output."""
_COMPLETION = "_MIGRATION_CLI_COMPLETE"
"""Set by a shell that asks what may come next; see completion_command.py."""

EPILOG = """\b
Examples:
  migration-cli dry-run --source my.db --target-url embedded
  migration-cli migrate --source my.db --target-url postgresql://me@host/shop

\b
Exit status:
  0    done and proved equal; with --hold: proved, and nothing is shown yet
  1    done, with findings or quarantined rows
  2    wrong usage or unusable input; nothing was changed
  3    the run failed, and says how to resume
  130  interrupted, and says how to resume
"""


class Commands(click.Group):
    """A group that imports a command only when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of a user's way through them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command = getattr(import_module(f"producer.cli.commands.{found[0]}"), found[1])
        return command if isinstance(command, click.Command) else None


@click.command(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--mode", metavar="COMMAND", help="Another way to name the command: --mode migrate.")
@click.version_option(package_name="convoy-migrate", prog_name="migration-cli")
@click.pass_context
def commands(context: click.Context, mode: str | None) -> None:  # noqa: ARG001  # read by named_by_mode
    """Move SQLite databases into PostgreSQL, every row proved equal.

    Without a command, at a terminal, it asks for file and target and leads through a first migration.
    """
    if context.invoked_subcommand is not None:
        from producer.cli.flag_defaults import flag_defaults

        name = context.invoked_subcommand
        context.default_map = {name: flag_defaults(commands, context, name)}


def run(arguments: list[str], *, is_process: bool = False) -> int:
    """Run one command line and return the exit status; `is_process`: this process does nothing else afterwards."""
    take_signals()
    have_last_words(None)
    # What is written stays its owner's to read and enter (a mask of 0777 takes that, too), and no stranger's to change.
    before = os.umask(0o077)
    os.umask(before & 0o077 | 0o002)
    with ended_in_time(partial(_end_at_last, arguments), to_the_end=is_process):
        try:
            show_log_lines(verbose="--verbose" in arguments)
            status = _answer(arguments)
        except BrokenPipeError:  # of a stream that this process does not keep: its reader has seen enough
            return 0
        except (KeyboardInterrupt, click.exceptions.Abort) as signal:
            # Wherever it came: who has a run says how that goes on.
            return _end(last_words() or signal, arguments)
        except Exception as error:  # noqa: BLE001  # the last resort: one sentence for each
            return _end(error, arguments)
        return _delivered(status if isinstance(status, int) else 0, arguments)


def _delivered(status: int, arguments: list[str]) -> int:
    """Return the status of a command with regard to what it has printed: of one that only tells, that is all."""
    problem = undelivered()
    if problem is None:
        return status
    click.echo(f"error: What was printed is not whole: {problem.strerror}.", err=True)
    does_more = any(COMMANDS.get(word, ("",))[0] in _DO_MORE for word in arguments)
    return status if does_more else status or ExitStatus.FAILED


def _answer(arguments: list[str]) -> object:
    """Run a command; without one, lead through a first migration where somebody sits at a terminal."""
    if not arguments and _COMPLETION not in os.environ:
        from producer.cli.guided_migration import guide, is_at_terminal

        if is_at_terminal():
            return guide(run)
    return commands.main(named_by_mode(arguments), prog_name="migration-cli", standalone_mode=False)


def _end(problem: Exception | KeyboardInterrupt, arguments: list[str]) -> int:
    """Say on stderr what went wrong, on stdout too where JSON is asked for, and return the exit status."""
    verbose = "--verbose" in arguments
    if isinstance(problem, ConvoyError):
        make_pastable(problem, arguments)
    error: ConvoyError
    match problem:
        case click.ClickException():
            problem.show()
            error, status = of_click(problem), problem.exit_code
        case CommandInterruptedError():  # whoever followed a run has said how to go on
            error, status = problem, problem.exit_status
        case KeyboardInterrupt() | click.exceptions.Abort():
            click.echo("Interrupted.", err=True)
            error, status = CommandInterruptedError("Interrupted"), ExitStatus.INTERRUPTED
        case ConvoyError():
            error, status = problem, report_error(problem, verbose=verbose)
        case _ if (known := of_database(problem)) is not None:
            make_pastable(known, arguments)
            error, status = known, report_error(known, verbose=verbose)
        case _:
            error, status = of_crash(problem), report_crash(problem, verbose=verbose)
    print_error_json(error, arguments)
    return status


def _end_at_last(arguments: list[str]) -> None:
    """Say what is said of a command that was interrupted: it waits for something, and ends without having it."""
    known = last_words()
    _end(KeyboardInterrupt() if known is None else known, arguments)


def named_by_mode(arguments: list[str]) -> list[str]:
    """Return the arguments with `--mode X` written as the command `X`.

    Raises:
        click.UsageError: `--mode` names no command, or another one than the command that stands there.
    """
    rest, modes = [], []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--mode":
            modes.append(next(words, ""))
        elif word.startswith("--mode="):
            modes.append(word.removeprefix("--mode="))
        else:
            rest.append(word)
    if not modes:
        return rest
    if rest and rest[0] in COMMANDS:
        modes.append(rest.pop(0))
    if modes[0] not in COMMANDS:
        raise click.UsageError(f"--mode {modes[0]} is none of {', '.join(COMMANDS)}.")
    if len(set(modes)) > 1:
        raise click.UsageError(f"Name one command only, not {' and '.join(modes)}.")
    return [modes[0], *rest]
