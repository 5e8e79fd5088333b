"""The command `cleanup`: what runs and killed processes have left behind, listed, and removed after asking."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from migration.errors import UsageError
from migration.exit_status import ExitStatus
from producer.cli.command_options import json_flag, take_output, take_target, target_flags, verbose_flag

if TYPE_CHECKING:
    from migration.steps.leftovers.leftover_record import Leftover
    from migration.steps.leftovers.leftover_removal import Removal
    from producer.cli.target_options import Target


@click.command(
    epilog="Example: migration-cli cleanup --target-url postgresql://me@host/shop",
    short_help="List and remove what no run needs any more.",
)
@target_flags
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask; for scripts.")
@click.option(
    "--with-replaced",
    is_flag=True,
    help="Also tables that a run has replaced of which this ledger knows nothing: there may be no other copy.",
)
@json_flag
@verbose_flag
def cleanup(is_sure: bool, with_replaced: bool, **values: Any) -> int:
    """List schemas, snapshots and unfinished files that no run needs, and remove them after asking.

    With --json nobody is asked: it lists, and removes with --yes. What a run needs to be resumed or rolled back stays.
    """
    from migration.steps.leftovers.leftover_removal import find_leftovers, leftover_places, remove_leftovers
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.cli.target_options import reach

    settings = read_settings()
    target, output = take_target(values, settings), take_output(values)
    with reach(target, settings) as url, opened_ledger(url) as engine:
        places = leftover_places(engine, settings, with_replaced=with_replaced)
        found = find_leftovers(places)
        leftovers = [leftover for _, leftover in found]
        if output.as_json:
            removals = list(remove_leftovers(found)) if is_sure else []
            _print_json(leftovers, removals, target)
        else:
            _print(leftovers, target)
            removals = list(remove_leftovers(found)) if _is_agreed(leftovers, is_sure) else []
            _print_removals(removals)
    return ExitStatus.FINDINGS if any(removal.in_the_way for removal in removals) else ExitStatus.PROVED


def _is_agreed(leftovers: Sequence[Leftover], is_sure: bool) -> bool:
    """Return whether to remove what is not needed.

    Raises:
        UsageError: there is nobody to ask.
    """
    from migration.report.text_formatting import count, size

    free = [leftover for leftover in leftovers if not leftover.is_needed]
    if not free or is_sure:
        return bool(free)
    if not sys.stdin.isatty():
        raise UsageError(
            "Nothing was removed: there is no terminal to ask at",
            setting="--yes",
            remedy="Add --yes to remove what nobody needs",
        )
    total = size(sum(leftover.bytes for leftover in free))
    return click.confirm(f"Remove {count(len(free), 'thing')} that nobody needs ({total})?", err=True)


def _print(leftovers: Sequence[Leftover], target: Target) -> None:
    for title, is_needed in (("Nobody needs", False), ("Stays", True)):
        shown = [leftover for leftover in leftovers if leftover.is_needed is is_needed]
        if shown:
            click.echo(f"{title}:")
        for leftover in shown:
            for line in _lines(leftover, target):
                click.echo(f"  {line}")
    if all(leftover.is_needed for leftover in leftovers):
        click.echo("There is nothing to remove.")


def _lines(leftover: Leftover, target: Target) -> list[str]:
    from migration.report.text_formatting import printable, size
    from producer.cli.output.command_lines import fit_command

    return [
        f"{leftover.kind} {printable(leftover.name)} ({size(leftover.bytes)}): {leftover.reason}",
        *(f"  {step.purpose}: {fit_command(step.command, target)}" for step in leftover.next_steps),
    ]


def _print_removals(removals: Sequence[Removal]) -> None:
    from migration.report.text_formatting import count, printable, size

    for removal in removals:
        if removal.in_the_way:
            click.echo(f"{removal.leftover.kind} {printable(removal.leftover.name)} stays; in its way:")
            for obstacle in removal.in_the_way:
                click.echo(f"  {printable(obstacle)}")
    gone = [removal.leftover for removal in removals if not removal.in_the_way]
    if removals:
        total = size(sum(leftover.bytes for leftover in gone))
        click.echo(f"Removed {len(gone)} of {count(len(removals), 'thing')} ({total}).")


def _print_json(leftovers: Sequence[Leftover], removals: Sequence[Removal], target: Target) -> None:
    import msgspec

    from producer.cli.output.command_lines import fit_command

    become = {removal.leftover: removal.in_the_way for removal in removals}
    entries = [
        {
            "kind": leftover.kind,
            "name": leftover.name,
            "bytes": leftover.bytes,
            "needed": leftover.is_needed,
            "reason": leftover.reason,
            "run_id": leftover.run_id,
            "next_steps": [
                {"purpose": step.purpose, "command": fit_command(step.command, target)}
                for step in leftover.next_steps
            ],
            "removed": leftover in become and not become[leftover],
            "in_the_way": become.get(leftover, ()),
        }
        for leftover in leftovers
    ]
    click.echo(msgspec.json.format(msgspec.json.encode({"leftovers": entries}), indent=2))
