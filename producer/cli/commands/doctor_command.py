"""The command `doctor`: all that a migration needs, looked at, and what to type where something is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from migration.exit_status import ExitStatus
from producer.cli.command_options import (
    json_flag,
    take_output,
    target_flags,
    target_or_embedded,
    verbose_flag,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer.cli.doctor.check_result import CheckResult, Clock
    from producer.cli.target_options import Target


@click.command(
    epilog="Example: migration-cli doctor --target-url postgresql://me@host/shop",
    short_help="Look at broker, target, stage, rights, folders, clocks, versions; say what to type.",
)
@target_flags
@click.option(
    "--target-schema",
    default="public",
    metavar="NAME",
    show_default=True,
    help="Schema whose rights are looked at.",
)
@json_flag
@verbose_flag
def doctor(target_schema: str, **values: Any) -> int:
    """Look at all that a migration needs, and say what to type where something is missing.

    Nothing is written but a few bytes to a stage that is a folder or store, which are removed again.

    Status 0: all is well; 1: it works, with warnings; 2: a migration would not work.
    """
    from migration.schema_translation.request_refusals import check_schema_name
    from migration.target.target_connection import with_password
    from producer.cli.cli_settings import read_settings
    from producer.cli.doctor.broker_checks import check_broker_server, check_cluster_of_target
    from producer.cli.doctor.check_result import clock_results, told
    from producer.cli.doctor.host_checks import check_host
    from producer.cli.doctor.stage_checks import check_stage
    from producer.cli.doctor.target_checks import check_target_database, check_target_names
    from producer.cli.option_values import worker_count

    settings = read_settings()
    target, output = target_or_embedded(values, settings), take_output(values)
    clocks: list[Clock] = []
    results = check_host(settings, is_embedded=target.is_embedded)
    with told("target schema", results):
        check_schema_name(target_schema)
    results += check_stage(settings)
    if settings.broker_url is not None:
        results += check_broker_server(settings, clocks)
    if not target.is_embedded:
        results += check_target_names(settings)
        source = click.get_current_context().get_parameter_source("target_schema")
        results += check_target_database(
            with_password(target.url, target.password),
            target_schema,
            clocks,
            # Of a cluster, each host says by its processes how many it has.
            workers=worker_count(None) if settings.broker_url is None else 0,
            is_asked_for=source is not click.core.ParameterSource.DEFAULT,
        )
        if settings.broker_url is not None:
            results += check_cluster_of_target(
                settings, with_password(target.url, target.password), target.name
            )
    results += clock_results(clocks)
    results = [pastable(result, target) for result in results]
    if output.as_json:
        _print_json(results)
    else:
        _print(results)
    return _status(results)


def pastable(result: CheckResult, target: Target) -> CheckResult:
    """Return a result whose commands reach the target that was looked at."""
    from producer.cli.output.command_lines import fit_command, fit_text

    return replace(
        result, remedy=fit_text(result.remedy, target), command=fit_command(result.command, target)
    )


def _status(results: Sequence[CheckResult]) -> int:
    from producer.cli.doctor.check_result import Health

    found = {result.health for result in results}
    if Health.FAILED in found:
        return ExitStatus.UNUSABLE_INPUT
    return ExitStatus.FINDINGS if Health.WARNING in found else ExitStatus.PROVED


def _print(results: Sequence[CheckResult]) -> None:
    from migration.report.text_formatting import count, printable
    from producer.cli.doctor.check_result import Health
    from producer.cli.output.error_output import without_passwords

    marks = {Health.OK: "✔", Health.WARNING: "!", Health.FAILED: "✘"}
    for result in results:
        click.echo(without_passwords(f"{marks[result.health]} {result.name}: {printable(result.found)}"))
        if result.remedy:
            click.echo(without_passwords(f"    {result.remedy}."))
        if result.command:
            click.echo(without_passwords(f"    $ {result.command}"))
    failed = sum(result.health is Health.FAILED for result in results)
    warned = sum(result.health is Health.WARNING for result in results)
    if failed:
        click.echo(f"\n{count(failed, 'thing')} would keep a migration from working.")
    elif warned:
        click.echo(f"\nIt works; {count(warned, 'thing')} may hurt later.")
    else:
        click.echo("\nAll is well.")


def _print_json(results: Sequence[CheckResult]) -> None:
    import msgspec

    from migration.report.text_formatting import printable
    from producer.cli.output.error_output import without_passwords

    checks = [
        {
            "name": result.name,
            "health": result.health.value,
            "found": without_passwords(printable(result.found)),
            "remedy": without_passwords(result.remedy),
            "command": without_passwords(result.command),
        }
        for result in results
    ]
    answer = {"exit_status": int(_status(results)), "checks": checks}
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
