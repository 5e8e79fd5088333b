"""The commands that ask something of a run without following it: rollback, cancel and pause."""

from __future__ import annotations

from typing import Any

import click

from producer.cli.command_options import json_flag, take_output, take_target, target_flags, verbose_flag


@click.command(
    epilog="Example: migration-cli rollback 0198c2 --target-url postgresql://me@host/shop",
    short_help="Put back what stood there before a run.",
)
@click.argument("run")
@target_flags
@json_flag
@verbose_flag
def rollback(run: str, **values: Any) -> int:
    """Reverse the cutover of a run, in one transaction. RUN may be the beginning of its id."""
    import msgspec

    from migration.ledger.ledger_database import open_ledger
    from migration.ledger.run_records import find_run
    from migration.steps.run_rollback import roll_back_run
    from producer.cli.cli_settings import read_settings
    from producer.cli.target_options import reach

    settings = read_settings()
    target, output = take_target(values, settings), take_output(values)
    with reach(target, settings) as url:
        engine = open_ledger(url, "convoy cli")
        try:
            record = find_run(engine, run)
            results = roll_back_run(engine, record.id)
        finally:
            engine.dispose()
    if output.as_json:
        answer = {"run_id": record.id, "status": "rolled_back", "objects": results}
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
        return 0
    click.echo(f"Run {record.id} is rolled back.")
    for result in results:
        click.echo(
            f"  {result.state.value}  {result.kind} {result.name}{f': {result.reason}' if result.reason else ''}"
        )
    return 0


@click.command(
    epilog="Example: migration-cli cancel 0198c2 --target-url postgresql://me@host/shop",
    short_help="Stop a run for good and remove what it staged.",
)
@click.argument("run")
@target_flags
@verbose_flag
def cancel(run: str, **values: Any) -> int:
    """Stop a run and drop its staging schema; tables that users see are not touched."""
    from migration.ledger.ledger_database import open_ledger
    from migration.ledger.run_records import find_run
    from migration.steps.run_cancellation import cancel_run
    from producer.cli.cli_settings import read_settings
    from producer.cli.target_options import reach

    settings = read_settings()
    target = take_target(values, settings)
    with reach(target, settings) as url:
        engine = open_ledger(url, "convoy cli")
        try:
            record = find_run(engine, run)
            is_gone = cancel_run(engine, record.id)
        finally:
            engine.dispose()
    left = "nothing of it is left in the target but its record"
    held = f"its schema {record.staging_schema} is in use, and goes once it is free and a producer runs"
    click.echo(f"Run {record.id} is cancelled; {left if is_gone else held}.")
    return 0


@click.command(
    epilog="Example: migration-cli pause 0198c2 --target-url postgresql://me@host/shop",
    short_help="Let a run stand still until resume.",
)
@click.argument("run")
@target_flags
@verbose_flag
def pause(run: str, **values: Any) -> int:
    """Let a run stand still: what is under way is ended, nothing more is started until `resume`."""
    from migration.ledger.ledger_database import open_ledger
    from migration.ledger.run_records import find_run
    from migration.ledger.run_requests import request_pause
    from producer.cli.cli_settings import read_settings
    from producer.cli.output.command_lines import command_line
    from producer.cli.target_options import reach

    settings = read_settings()
    target = take_target(values, settings)
    with reach(target, settings) as url:
        engine = open_ledger(url, "convoy cli")
        try:
            record = find_run(engine, run)
            phase = request_pause(engine, record.id)
        finally:
            engine.dispose()
    click.echo(f"Run {record.id} is paused in {phase}; steps that are under way are ended.")
    click.echo(f"Go on with: {command_line(target, 'resume', record.id)}")
    return 0
