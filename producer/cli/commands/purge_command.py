"""The command `purge`: what a run keeps for rollback and retry, listed, and removed after asking."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from migration.errors import UsageError
from migration.exit_status import ExitStatus
from producer.cli.command_options import json_flag, take_output, take_target, target_flags, verbose_flag
from producer.cli.run_argument import run_argument

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from migration.steps.leftovers.leftover_record import Leftover
    from migration.steps.leftovers.purged_run import Purge


@click.command(
    epilog="Example: migration-cli purge 0198c2 --target-url postgresql://me@host/shop",
    short_help="Give up what a run keeps for rollback and retry.",
)
@run_argument()
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask; for scripts.")
@target_flags
@json_flag
@verbose_flag
def purge(run: str, is_sure: bool, **values: Any) -> int:
    """Drop what a run keeps: the tables that it replaced, its snapshot, its quarantine, what a rollback kept aside.

    Afterwards the run can neither be rolled back nor its quarantine retried. Its tables and its record stay.
    With --json nobody is asked: it lists, and removes with --yes.
    """
    from migration.ledger.run_records import find_run
    from migration.steps.leftovers.purged_run import find_kept, purge_run
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.cli.output.interrupted_run import speak_last_beside
    from producer.cli.target_options import reach

    settings = read_settings()
    target, output = take_target(values, settings), take_output(values)
    done: Purge | None = None
    speak_last_beside(target, run)
    with reach(target, settings) as url, opened_ledger(url, may_make=False) as engine:
        record = find_run(engine, run)
        kept = find_kept(engine, settings, record.id)
        if not output.as_json:
            _print_kept(record, kept)
        if is_sure or (not output.as_json and _is_agreed(record)):
            done = purge_run(engine, settings, record.id)
    if output.as_json:
        _print_json(record, kept, done)
    elif done is not None:
        _print_purge(record, done)
    return ExitStatus.PROVED


def kept_line(found: Leftover) -> str:
    """Return one thing that a run keeps, and the room that it takes."""
    from migration.report.text_formatting import printable, size

    return f"{found.kind} {printable(found.name)}, {size(found.bytes)}"


def _is_agreed(record: RunRecord) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            "Nothing was removed: there is no terminal to ask at",
            setting="--yes",
            remedy="Add --yes to give up what the run keeps",
        )
    if can_be_rolled_back(record):
        question = f"Give it up, so that run {record.id} cannot be rolled back or retried?"
    else:
        question = f"Give it up? {_standing(record)}."
    return click.confirm(question, err=True)


def can_be_rolled_back(record: RunRecord) -> bool:
    """Whether a purge takes a way back, and not only room on a disk."""
    from migration.ledger.allowed_acts import RunAct, is_allowed

    return bool(record.cutover) and is_allowed(record, RunAct.ROLLBACK)


def _standing(record: RunRecord) -> str:
    """Return what becomes of a run that could not be rolled back anyway."""
    from migration.ledger.allowed_acts import described
    from migration.report.text_formatting import phrase

    return f"Run {record.id} is {phrase(described(record))}, and stays so; there is nothing to roll back"


def _print_kept(record: RunRecord, kept: Sequence[Leftover]) -> None:
    click.echo(f"Run {record.id} keeps{'' if kept else ' nothing'}{':' if kept else '.'}")
    for found in kept:
        click.echo(f"  {kept_line(found)}")


def _print_purge(record: RunRecord, done: Purge) -> None:
    from migration.report.text_formatting import count, printable, size

    total = size(sum(found.bytes for found in done.gone))
    after = (
        f"Run {record.id} can no longer be rolled back" if can_be_rolled_back(record) else _standing(record)
    )
    click.echo(f"Removed {count(len(done.gone), 'thing')} ({total}). {after}.")
    for removal in done.stays:
        click.echo(f"  {kept_line(removal.leftover)} stays: {printable('; '.join(removal.in_the_way))}")


def _print_json(record: RunRecord, kept: Sequence[Leftover], done: Purge | None) -> None:
    import msgspec

    gone = done.gone if done is not None else ()
    stays = {removal.leftover.name: removal.in_the_way for removal in done.stays} if done is not None else {}
    answer = {
        "run_id": record.id,
        "purged": done is not None,
        "kept": [
            {
                "kind": found.kind,
                "name": found.name,
                "bytes": found.bytes,
                "removed": found.name in {other.name for other in gone},
                "in_the_way": stays.get(found.name, ()),
            }
            for found in kept
        ],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
