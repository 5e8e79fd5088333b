"""The command `status`: one run, or the latest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from producer.cli.command_options import json_flag, take_output, take_target, target_flags, verbose_flag
from producer.cli.commands.purge_command import kept_line
from producer.cli.run_argument import run_argument

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.run_acts import ActRecord
    from migration.ledger.run_progress import RunProgress
    from migration.ledger.run_records import RunRecord
    from migration.settings import Settings
    from producer.cli.command_options import Output
    from producer.cli.target_options import Target


@click.command(
    epilog="Example: migration-cli status --target-url postgresql://me@host/shop",
    short_help="How far a run is; without RUN: the latest runs.",
)
@run_argument(required=False)
@target_flags
@click.option("--follow", "follows", is_flag=True, help="Stay until the run is at its end.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Runs to list.")
@json_flag
@verbose_flag
def status(run: str | None, follows: bool, limit: int, **values: Any) -> int:
    """Show how far a run is, or list the latest runs of a target."""
    from migration.ledger.run_records import find_run, list_runs
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.cli.target_options import reach

    settings = read_settings()
    target, output = take_target(values, settings), take_output(values)
    with reach(target, settings) as url, opened_ledger(url, may_make=run is None) as engine:
        if run is None:
            _print_runs(list_runs(engine, limit), output)
            return 0
        record = find_run(engine, run)
        if follows:  # of an ended run, too: the exit status is that of the run, whoever was faster
            return _follow(engine, record, target, settings, output)
        return _print_run(engine, record, target, settings, output)


def _follow(engine: Engine, record: RunRecord, target: Target, settings: Settings, output: Output) -> int:
    from producer.cli.output.run_follower import follow
    from producer.cli.run_session import Session

    return follow(Session(engine, settings, target, record.options.target, None), record.id, output)


def _print_run(engine: Engine, record: RunRecord, target: Target, settings: Settings, output: Output) -> int:
    from migration.ledger.run_acts import read_acts
    from migration.ledger.run_progress import read_progress
    from migration.steps.leftovers.purged_run import find_kept

    progress = read_progress(engine, record.id)
    with engine.connect() as connection:
        acts = read_acts(connection, record.id)
    kept = find_kept(engine, settings, record.id)
    if output.as_json:
        import msgspec

        answer = msgspec.to_builtins(progress) | {
            "acts": [msgspec.to_builtins(act) for act in acts],
            "kept": [{"kind": found.kind, "name": found.name, "bytes": found.bytes} for found in kept],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
        return 0
    for line in _describe(record, progress, target):
        click.echo(line)
    for act in acts:
        click.echo(act_line(act))
    for found in kept:
        click.echo(f"Keeps     {kept_line(found)}")
    return 0


def act_line(act: ActRecord) -> str:
    """Return who did what to a run, and when, in the time of this host."""
    from migration.ledger.run_acts import Act
    from migration.report.text_formatting import phrase, printable

    at = f"{act.at.astimezone():%Y-%m-%d %H:%M:%S}"
    schemas = act.data.get("kept_schemas") or ()
    kept = f"; its tables are kept in {', '.join(schemas)}" if schemas else ""
    who = printable(f"{act.person.name} on {act.person.host}")
    # Who may start a run need not be one who may cut over: its own end is no act of theirs.
    by_itself = act.act is Act.CUT_OVER and act.data.get("asked_by", Act.CUTOVER_ASKED) != Act.CUTOVER_ASKED
    what = f"{phrase(act.act.value)}{', by the run itself,' if by_itself else ''}"
    return f"By        {who}: {what} at {at}{kept}"


def _describe(record: RunRecord, progress: RunProgress, target: Target) -> list[str]:
    from migration.model import Phase
    from migration.report.next_commands import repeat
    from migration.report.text_formatting import count
    from migration.ways_on import WayOn
    from producer.cli.output.command_lines import command_line, fit_command, fit_text
    from producer.cli.output.progress_display import activity, facts, presence

    sources = ", ".join(f"{source.label} ({source.location})" for source in record.options.sources)
    lines = [
        f"Run       {record.id} ({record.mode})",
        f"Source    {sources}",
        f"Target    {f'{target.name}: ' if target.name else ''}{record.options.target}",
        f"State     {activity(progress)}, {progress.percent:.0f} %",
    ]
    details = facts(progress)
    if details:
        lines.append(f"          {', '.join(details)}")
    if not progress.phase.is_end:
        lines.append(f"There     {presence(progress)}")
    lines += [f"Waits     {fit_text(wait, target)}" for wait in progress.waits]
    if progress.findings:
        lines.append(f"Findings  {count(progress.findings, 'finding')}")
    if progress.error:
        lines.append(f"Error     {fit_text(progress.error, target)}")
    if progress.phase is Phase.READY:
        lines.append(f"Go on     {command_line(target, 'cutover', record.id)}")
        lines.append(f"Or drop   {command_line(target, 'cancel', record.id)}")
    elif progress.way_on is not None and not progress.way_on.leads_on:
        lines.append(f"Or drop   {command_line(target, 'cancel', record.id)}")
        if progress.way_on is WayOn.START_OVER:
            lines.append(f"Anew      {fit_command(repeat(record.options, record.options.mode), target)}")
    elif record.can_go_on or progress.paused_at is not None or progress.is_abandoned:
        lines.append(f"Go on     {command_line(target, record.goes_on_by, record.id)}")
    elif not progress.phase.is_end:
        lines.append(f"Follow    {command_line(target, 'status', record.id, '--follow')}")
    return lines


def _print_runs(records: list[RunRecord], output: Output) -> None:
    if output.as_json:
        import msgspec

        summaries = [
            {
                "run_id": record.id,
                "mode": record.mode,
                "phase": record.phase,
                "sources": [source.location for source in record.options.sources],
                "created_at": record.created_at,
                "finished_at": record.finished_at,
                "error": record.error,
            }
            for record in records
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(summaries), indent=2))
        return
    if not records:
        click.echo("This target knows no run yet.")
        return
    from migration.model import Phase
    from migration.report.text_formatting import duration, phrase, printable

    lines = [("RUN", "STARTED", "TOOK", "MODE", "STATE", "SOURCES")]
    for record in records:
        took = ""  # of a run that was rolled back, the end is that of the rollback
        ended = record.finished_at is not None and record.phase is not Phase.ROLLED_BACK
        if record.started_at is not None and record.finished_at is not None and ended:
            took = duration((record.finished_at - record.started_at).total_seconds())
        lines.append(
            (
                record.id,
                f"{record.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
                took,
                record.mode,
                phrase(record.phase.value),
                printable(", ".join(source.label for source in record.options.sources)),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
