"""The commands that ask something of a run without following it: rollback, cancel and pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.run_records import RunRecord
    from producer.cli.target_options import Target


@click.command(
    epilog="Example: migration-cli rollback 0198c2 --target-url postgresql://me@host/shop",
    short_help="Put back what stood there before a run.",
)
@click.argument("run")
@target_flags
@patience_flags
@json_flag
@verbose_flag
def rollback(run: str, **values: Any) -> int:
    """Reverse the cutover of a run, in one transaction. RUN may be the beginning of its id.

    Where others hold locks, it is tried again, with pauses in which nobody queues behind it.
    """
    import msgspec

    from migration.steps.run_rollback import roll_back_patiently

    terms = cutover_terms(values)
    with _known_run(run, values) as (engine, record, _):
        results = roll_back_patiently(engine, record.id, terms, lambda line: click.echo(line, err=True))
    output = take_output(values)
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
    from migration.steps.run_cancellation import cancel_run

    with _known_run(run, values) as (engine, record, _):
        is_gone = cancel_run(engine, record.id)
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
    from migration.ledger.run_requests import request_pause
    from producer.cli.output.command_lines import command_line

    with _known_run(run, values) as (engine, record, target):
        phase = request_pause(engine, record.id)
    click.echo(f"Run {record.id} is paused in {phase}; steps that are under way are ended.")
    click.echo(f"Go on with: {command_line(target, 'resume', record.id)}")
    return 0


@contextmanager
def _known_run(run: str, values: dict[str, Any]) -> Iterator[tuple[Engine, RunRecord, Target]]:
    """Take the target out of a command's values; yield its ledger, the run whose id begins so, and the target."""
    from migration.ledger.ledger_database import open_ledger
    from migration.ledger.run_records import find_run
    from producer.cli.cli_settings import read_settings
    from producer.cli.output.lock_wait_notes import lock_waits_told, session_name
    from producer.cli.target_options import reach

    settings = read_settings()
    target = take_target(values, settings)
    with reach(target, settings) as url, lock_waits_told(url):
        engine = open_ledger(url, session_name())
        try:
            yield engine, find_run(engine, run), target
        finally:
            engine.dispose()
