"""The commands that ask something of a run without following it: rollback, cancel and pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from producer.cli.command_options import (
    json_flag,
    take_output,
    take_target,
    target_flags,
    verbose_flag,
)
from producer.cli.cutover_options import cutover_terms, patience_flags
from producer.cli.run_argument import run_argument

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.run_records import RunRecord
    from migration.settings import Settings
    from migration.steps.run_rollback import RollbackResult
    from producer.cli.command_options import Output
    from producer.cli.target_options import Target


@click.command(
    epilog="Example: migration-cli rollback 0198c2 --target-url postgresql://me@host/shop",
    short_help="Put back what stood there before a run.",
)
@run_argument()
@click.option(
    "--export",
    "export_to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the rows that came since the cutover into DIR as CSV and SQL, then go on as with --force.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Go on where rows came since the cutover; the run's tables are kept in a schema of their own.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the report, written anew.  [default: .convoy/reports/RUN]",
)
@target_flags
@patience_flags
@json_flag
@verbose_flag
def rollback(run: str, export_to: Path | None, force: bool, **values: Any) -> int:
    """Reverse the cutover of a run, in one transaction. RUN may be the beginning of its id.

    Where the tables of the run have been written to since the cutover, it refuses and says how many rows of which
    table; nothing is changed then. Where others hold locks, it is tried again, with pauses in which nobody queues
    behind it.
    """
    from migration.steps.run_rollback import roll_back_patiently
    from producer.cli.output.report_output import renew_report

    terms = cutover_terms(values)
    output = take_output(values)
    with _known_run(run, values) as (engine, record, target, settings):
        result = roll_back_patiently(
            engine,
            record.id,
            terms,
            lambda line: click.echo(line, err=True),
            force=force,
            export_to=export_to,
            settings=settings,
        )
        _print_rollback(record, result, target, output)
        renew_report(engine, record, target, settings, output.report, done="The run is rolled back")
    return 0


def _print_rollback(record: RunRecord, result: RollbackResult, target: Target, output: Output) -> None:
    from migration.report.text_formatting import count, printable
    from producer.cli.output.command_lines import command_line

    if output.as_json:
        import msgspec

        answer = {"run_id": record.id, "status": "rolled_back", **msgspec.to_builtins(result, enc_hook=str)}
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
        return
    click.echo(f"Run {record.id} is rolled back.")
    for item in result.objects:
        reason = f": {item.reason}" if item.reason else ""
        name = record.options.table_names.owned(item.name, item.owner)
        click.echo(f"  {item.state.value}  {item.kind} {printable(name)}{reason}")
    if result.writes:
        click.echo("Written since the cutover:")
    for found in result.writes:
        click.echo(f"  {printable(found.words())}")
    for one in result.exported:
        which = "all rows" if one.is_whole else count(one.rows, "row")
        name = printable(f"{one.schema}.{one.table}")
        click.echo(f"  {which} of {name} written out: {one.csv} and {one.sql}")
    for schema in result.kept_schemas:
        click.echo(f"The run's tables are kept in schema {schema}.")
    if result.kept_schemas:
        click.echo(f"Give them up with: {command_line(target, 'purge', record.id)}")


@click.command(
    epilog="Example: migration-cli cancel 0198c2 --target-url postgresql://me@host/shop",
    short_help="Stop a run for good and remove what it staged.",
)
@run_argument()
@target_flags
@verbose_flag
def cancel(run: str, **values: Any) -> int:
    """Stop a run and drop what it staged; tables that users see, and what others made, are not touched.

    One that has failed keeps its end, and is given up: it cannot be resumed.
    """
    from migration.model import Phase
    from migration.report.text_formatting import printable
    from migration.steps.run_cancellation import cancel_run
    from producer.cli.output.command_lines import command_line

    with _known_run(run, values) as (engine, record, target, _):
        found = cancel_run(engine, record.id)
    schemas = printable(" and ".join(found.left))
    ended = "has failed and is given up" if record.phase is Phase.FAILED else "is cancelled"
    if found.in_the_way:
        click.echo(f"Run {record.id} {ended}; its schema {schemas} stays, because others use it:")
        for line in found.in_the_way:
            click.echo(f"  {printable(line)}")
        click.echo(f"Move or drop these, then: {command_line(target, 'cleanup')}")
    else:
        left = "nothing of it is left in the target but its record"
        held = f"its schema {schemas} is in use, and goes once it is free and a producer runs"
        click.echo(f"Run {record.id} {ended}; {held if found.left else left}.")
    return 0


@click.command(
    epilog="Example: migration-cli pause 0198c2 --target-url postgresql://me@host/shop",
    short_help="Let a run stand still until resume.",
)
@run_argument()
@target_flags
@verbose_flag
def pause(run: str, **values: Any) -> int:
    """Let a run stand still: what is under way is ended, nothing more is started until `resume`."""
    from migration.ledger.run_requests import request_pause
    from producer.cli.output.command_lines import command_line

    with _known_run(run, values) as (engine, record, target, _):
        phase = request_pause(engine, record.id)
    click.echo(f"Run {record.id} is paused in {phase}; steps that are under way are ended.")
    click.echo(f"Go on with: {command_line(target, 'resume', record.id)}")
    return 0


@contextmanager
def _known_run(run: str, values: dict[str, Any]) -> Iterator[tuple[Engine, RunRecord, Target, Settings]]:
    """Take the target out of a command's values; yield its ledger, the run whose id begins so, target, settings."""
    from migration.ledger.run_records import find_run
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.cli.output.interrupted_run import speak_last_beside
    from producer.cli.target_options import reach

    settings = read_settings()
    target = take_target(values, settings)
    speak_last_beside(target, run)
    with reach(target, settings) as url, opened_ledger(url, may_make=False) as engine:
        yield engine, find_run(engine, run), target, settings
