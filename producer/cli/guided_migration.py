"""`migration-cli` without arguments, at a terminal: a first migration, one question after the other.

Nothing is written before the dry-run's verdict has been seen and the question behind it answered with yes.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from migration.convoy_error import ConvoyError
from migration.exit_status import ExitStatus

EMBEDDED: Final = "embedded"
_MAGIC: Final = b"SQLite format 3\0"
_MOST_SHOWN: Final = 9
_WORTH_GOING_ON: Final = frozenset({ExitStatus.PROVED, ExitStatus.FINDINGS})


def guide(run: Callable[[list[str]], int]) -> int:
    """Ask for a file and a target, show the dry-run, and migrate where that is wanted; return the exit status.

    Args:
        run: runs one command line. The lines are shown, so that they can be typed without the questions.
    """
    from producer.cli.cli_settings import read_settings
    from producer.cli.first_look_folders import FirstLookFolders

    click.echo("This moves a SQLite database into PostgreSQL. Ctrl-C ends it at any point; nothing is")
    click.echo("changed before you say so. (migration-cli --help lists all that it can do.)\n")
    made = FirstLookFolders(read_settings())
    try:
        flags = _ask_flags()
        status = _show_and_run(run, ["dry-run", *flags])
        is_wanted = status in _WORTH_GOING_ON and click.confirm(
            "\nThat is what would happen. Migrate now?", default=status == ExitStatus.PROVED
        )
    except BaseException:
        made.remove()
        raise
    if is_wanted:
        return _show_and_run(run, ["migrate", *flags])
    made.remove()
    if status in _WORTH_GOING_ON:
        click.echo(
            f"Nothing was changed. To migrate later: {shlex.join(['migration-cli', 'migrate', *flags])}"
        )
        return ExitStatus.PROVED
    click.echo("\nNothing was changed. What stands above says what is missing; then start again.", err=True)
    return status


def _ask_flags() -> list[str]:
    source = _ask_source()
    target = _ask_target()
    flags = ["--source", source, *(() if target is None else ("--target-url", target))]
    return [*flags, "--target-db", database_of(source)] if target == EMBEDDED else flags


def find_databases(folder: Path) -> list[Path]:
    """Return the SQLite databases that lie in a folder, the largest first."""
    found = []
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    for path in entries:
        try:
            if path.is_file() and path.open("rb").read(len(_MAGIC)) == _MAGIC:
                found.append((-path.stat().st_size, path))
        except OSError:
            continue
    return [path for _, path in sorted(found)]


def database_of(source: str) -> str:
    """Return the name of the database for a file: that of the file without its suffix, as `make migrate` has it."""
    return Path(source).stem or "shop"


def _ask_source() -> str:
    found = find_databases(Path())[:_MOST_SHOWN]
    for number, path in enumerate(found, start=1):
        click.echo(f"  {number}  {path}")
    question = "Which SQLite file (a number, or a path)" if found else "Path of the SQLite file"
    while True:
        answer = str(click.prompt(question, default="1" if found else None)).strip()
        if answer.isdecimal() and 1 <= int(answer) <= len(found):
            answer = str(found[int(answer) - 1])
        try:
            _check_source(answer)
        except ConvoyError as error:
            click.echo(f"{error}", err=True)
            continue
        return answer


def _check_source(answer: str) -> None:
    from producer.cli.source_arguments import check_sources, parse_sources

    check_sources(parse_sources([answer]))


def _ask_target() -> str | None:
    """Return what --target-url is to be; None: the settings name one."""
    from migration.target.target_connection import redact
    from producer.cli.cli_settings import read_settings
    from producer.cli.target_options import TargetFlags, choose_target

    settings = read_settings()
    if settings.target_url is not None:
        target = choose_target(TargetFlags(), settings)
        shown = target.url if target.is_embedded else redact(target.url)
        if click.confirm(f"\nInto {shown}, as your settings have it?", default=True):
            return None
    click.echo(
        "\n  embedded                          a PostgreSQL of its own, kept in this folder: for a first look"
    )
    click.echo("  postgresql://user@host/database   yours; its password comes from PGPASSWORD or ~/.pgpass")
    while True:
        answer = str(click.prompt("Into which PostgreSQL", default=EMBEDDED)).strip()
        try:
            _check_target(answer)
        except ConvoyError as error:
            click.echo(f"{error}", err=True)
            continue
        return answer


def _check_target(answer: str) -> None:
    """Reach the server, so that a typing error is told beside the question."""
    from migration.target.target_connection import connect, with_password
    from producer.cli.cli_settings import read_settings
    from producer.cli.target_options import TargetFlags, choose_target

    target = choose_target(TargetFlags(url=answer), read_settings())
    if target.is_embedded:
        from producer.embedded.embedded_postgres import EmbeddedPostgres

        EmbeddedPostgres.programs(read_settings().embedded_dir)
        return
    connect(with_password(target.url, target.password), "convoy guide").close()


def _show_and_run(run: Callable[[list[str]], int], words: Sequence[str]) -> int:
    from producer.cli.output.error_output import without_passwords

    click.echo(f"\n$ {without_passwords(shlex.join(['migration-cli', *words]))}\n")
    return run(list(words))


def is_at_terminal() -> bool:
    """Whether somebody is there to answer questions."""
    return os.isatty(0) and os.isatty(1)
