"""The commands that start or resume a run and follow it to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migration.convoy_error import ConvoyError
from migration.errors import CommandInterruptedError
from migration.model import Mode
from producer.cli.command_interruption import pressed, undisturbed, without_signals
from producer.cli.command_options import (
    accept_flag,
    data_only_flag,
    fire_triggers_flag,
    ignore_flag,
    ignore_version_flag,
    output_flags,
    replacement_flags,
    salvage_flag,
    source_flags,
    take_output,
    take_target,
    target_flags,
    trouble_flags,
    unused_flags,
    work_flags,
    worker_flag,
)
from producer.cli.cutover_options import cutover_flags, cutover_terms, hold_flag
from producer.cli.option_values import run_options, worker_count
from producer.cli.output.mapping_file_output import new_mapping_file, write_mapping
from producer.cli.run_argument import run_argument

if TYPE_CHECKING:
    from producer.cli.run_session import Session
    from producer.embedded.early_start import EarlyStart

_LAST_LOOK_SECONDS = 2.0


@click.command(
    epilog="Example: migration-cli migrate --source shop.db --target-url postgresql://me@host/shop",
    short_help="Copy databases into PostgreSQL and prove them equal.",
)
@source_flags
@target_flags
@replacement_flags
@data_only_flag
@fire_triggers_flag
@ignore_version_flag
@work_flags
@trouble_flags
@accept_flag
@ignore_flag
@click.option("--skip-validation", is_flag=True, help="Copy without comparing: no proof, in less time.")
@hold_flag
@cutover_flags
@click.option("--dry-run", is_flag=True, help="The same as the command dry-run.")
@output_flags
def migrate(**values: Any) -> int:
    """Copy SQLite databases into PostgreSQL and prove that every row is equal."""
    return _start(Mode.DRY_RUN if values.pop("dry_run") else Mode.MIGRATE, values)


@click.command(
    "dry-run",
    epilog="Example: migration-cli dry-run --source shop.db --target-url embedded",
    short_help="Do everything but write: types, rows at risk, time, space.",
)
@source_flags
@target_flags
@replacement_flags
@data_only_flag
@fire_triggers_flag
@ignore_version_flag
@work_flags
@trouble_flags
@accept_flag
@ignore_flag
@hold_flag
@cutover_flags
@click.option(
    "--write-mapping",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Write all decisions into a new file, to edit and to give to --mapping.",
)
@output_flags
def dry_run(**values: Any) -> int:
    """Try every value and all DDL, and write nothing but the ledger."""
    return _start(Mode.DRY_RUN, values)


@click.command(
    epilog="Example: migration-cli validate --source shop.db --target-url postgresql://me@host/shop",
    short_help="Compare a database with tables that stand in PostgreSQL.",
)
@source_flags
@target_flags
@data_only_flag
@unused_flags
@work_flags
@salvage_flag
@accept_flag
@ignore_flag
@output_flags
def validate(**values: Any) -> int:
    """Compare SQLite databases with tables in PostgreSQL, whoever copied them.

    Takes the flags of the migration. With --data-only, what such a load leaves out is left out, and keys and
    indexes are not compared; with --if-exists merge, too, the target may have rows of its own. --drop-dependents and
    --on-error have no effect. --exclude may name TABLE.COLUMN.
    Where the role may not create the ledger, everything is only read, and the verdict only printed.
    """
    from migration.errors import TargetPermissionError

    try:
        return _start(Mode.VALIDATE, dict(values))
    except TargetPermissionError as error:
        return _validate_reading_only(values, error)


def _validate_reading_only(values: dict[str, Any], why: ConvoyError) -> int:
    from producer.cli.cli_settings import read_settings
    from producer.cli.commands.read_only_validation import validate_reading_only
    from producer.cli.source_arguments import parse_sources

    click.echo(f"Nothing is recorded in the target: {why.what}.", err=True)
    settings = read_settings()
    sources = parse_sources(values.pop("sources"), tell=lambda _told_before: None)
    target, output = take_target(values, settings), take_output(values)
    return validate_reading_only(run_options(Mode.VALIDATE, sources, values), target, settings, output)


@click.command(
    epilog="Example: migration-cli resume 0198c2 --target-url postgresql://me@host/shop",
    short_help="Go on with a run that failed or was interrupted.",
)
@run_argument()
@target_flags
@worker_flag
@output_flags
def resume(run: str, **values: Any) -> int:
    """Go on where a run stopped; what is done is not done again. RUN may be the beginning of its id."""
    from migration.ledger.run_requests import request_resume

    return _go_on(
        run,
        values,
        lambda session, run_id: request_resume(session.engine, run_id, cluster=session.cluster_name),
    )


@click.command(
    epilog="Example: migration-cli cutover 0198c2 --target-url postgresql://me@host/shop",
    short_help="Put the tables of a run in place that was held before.",
)
@run_argument()
@target_flags
@cutover_flags
@worker_flag
@output_flags
def cutover(run: str, **values: Any) -> int:
    """Put the tables of a held run in place, in one transaction. RUN may be the beginning of its id.

    What the target is like now is checked again. Outside of the run's window it waits; --cutover-window always
    begins at once. Also for another try of a cutover that has failed.
    """
    from migration.ledger.run_requests import request_cutover

    terms = cutover_terms(values)
    return _go_on(run, values, lambda session, run_id: request_cutover(session.engine, run_id, terms))


def _go_on(run: str, values: dict[str, Any], request: Callable[[Session, str], None]) -> int:
    """Let a run go on as somebody asks for, and follow it."""
    from producer.embedded.early_start import begin_early

    with begin_early() as early:
        from producer.cli.cli_settings import check_folders, read_settings
        from producer.cli.output.interrupted_run import speak_last_before
        from producer.cli.run_session import open_session

        settings = read_settings()
        target, output = take_target(values, settings), take_output(values)
        check_folders(settings, output.report)
        workers = worker_count(values["workers"])
        speak_last_before(target, click.get_current_context().info_name or "resume", run)
        with open_session(
            target,
            settings,
            workers,
            quiet=output.as_json,
            early=early,
            may_make_database=False,
            may_make_ledger=False,
        ) as session:
            from migration.ledger.run_records import find_run
            from producer.cli.output.run_follower import end_interrupted, follow

            record = find_run(session.engine, run)
            session.last_sight.goes_on_by = record.goes_on_by
            try:
                request(session, record.id)
                session.send(record.id)
            except KeyboardInterrupt:
                return end_interrupted(session, record.id, output)
            return follow(session, record.id, output)


def _start(mode: Mode, values: dict[str, Any]) -> int:
    from producer.embedded.early_start import begin_early

    with begin_early() as early:
        return _start_with(early, mode, values)


def _start_with(early: EarlyStart | None, mode: Mode, values: dict[str, Any]) -> int:
    from producer.cli.cli_settings import check_folders, read_settings
    from producer.cli.source_arguments import check_sources, parse_sources, without_credentials_kept

    settings = read_settings()
    draft = new_mapping_file(values.pop("write_mapping", None))
    sources, settings = without_credentials_kept(parse_sources(values.pop("sources")), settings)
    target, output = take_target(values, settings), take_output(values)
    options = run_options(mode, sources, values)
    if settings.broker_url is None:
        check_sources(sources)  # on another machine's cluster the files need not be here
    check_folders(settings, output.report)

    from producer.cli.run_session import open_session

    with open_session(
        target,
        settings,
        options.workers,
        quiet=output.as_json,
        early=early,
        may_make_database=mode is not Mode.VALIDATE,
    ) as session:
        from dataclasses import replace

        from migration.ledger.run_records import create_run, new_run_id

        run_id = new_run_id()
        is_written = False
        try:
            with undisturbed():
                named = target.name or session.target_name
                options = replace(options, target=session.target_url, target_name=named)
                create_run(session.engine, options, run_id=run_id, cluster=session.cluster_name)
                is_written = True
            try:
                session.send(run_id)
            except ConvoyError:
                from migration.ledger.run_requests import request_cancel

                # No producer was told of it, and none is to find it later.
                request_cancel(session.engine, run_id)
                raise
            with without_signals():  # half an import could not be done again
                # What takes long to import comes when the run is on its way.
                from producer.cli.output.run_follower import follow
            status = follow(session, run_id, output)
        except KeyboardInterrupt:  # it came before the run was followed
            from producer.cli.output.run_follower import end_interrupted

            if not is_written and not _stands(session, run_id):
                raise
            return end_interrupted(session, run_id, output)
        except CommandInterruptedError as error:
            if draft is not None:
                write_mapping(session, run_id, draft, error.exit_status)
            raise
        if draft is not None:
            write_mapping(session, run_id, draft, status)
        return status


def _stands(session: Session, run_id: str) -> bool:
    """Whether the ledger has a run whose writing was interrupted: a COMMIT that waited may have gone through."""
    from migration.errors import UnknownRunError
    from migration.ledger.run_records import find_run
    from migration.target.postgres_errors import translate

    try:
        with pressed(_LAST_LOOK_SECONDS):
            find_run(session.engine, run_id)
    except UnknownRunError:
        return False
    except Exception as error:  # noqa: BLE001  # it is all the same: nobody will know
        click.echo(f"warning: {translate(error, run=run_id)}", err=True)
        return False
    return True
