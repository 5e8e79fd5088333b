"""What to type next, built from what the user asked for. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Final

from migration.application_errors import MergeConflictError, UnknownApplicationError
from migration.convoy_error import NextStep
from migration.mapping_file_model import OnConflict, OnOrphan
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, Phase
from migration.report.text_formatting import printable
from migration.run_options import RunOptions
from migration.secret_text import without_secrets
from migration.source_flags import source_flags
from migration.ways_on import WayOn, way_on

_DEFAULTS: Final = {
    "--target-schema": "public",
    "--identifiers": IdentifierPolicy.PRESERVE.value,
    "--source-timezone": "UTC",
    "--if-exists": IfExists.REFUSE.value,
    "--on-conflict": OnConflict.ABORT.value,
    "--on-error": OnError.QUARANTINE.value,
    "--on-orphan": OnOrphan.NOT_VALID.value,
    "--cutover-lock-timeout": f"{RunOptions().cutover_lock_timeout_seconds:g}",
    "--cutover-patience": f"{RunOptions().cutover_patience_seconds:g}",
}
_DRIVER: Final = re.compile(r"^(postgres(?:ql)?)\+\w+:")


def safe_url(url: str) -> str:
    """Return the target's URL as psql takes it, without a password."""
    return printable(without_secrets(_DRIVER.sub(r"\1:", url)))


def repeat(options: RunOptions, mode: Mode) -> str:
    """Return the command line that starts such a run again, perhaps in another mode."""
    flags: list[tuple[str, str]] = [
        ("--target", options.target_name)
        if options.target_name
        else ("--target-url", safe_url(options.target)),
        ("--target-schema", "" if options.schema_per_source else options.target_schema),
        ("--tables", ",".join(options.tables)),
        ("--exclude", ",".join(options.exclude)),
        ("--catalog", options.catalog or ""),
        ("--accept", ",".join(options.accept)),
        ("--identifiers", options.identifiers.value),
        ("--source-timezone", options.source_timezone),
        ("--ignore", ",".join(options.ignore)),
        ("--mapping", options.mapping.name if options.mapping and not options.mapping.is_profile else ""),
        ("--app", options.app),
    ]
    switches = [
        ("--schema-per-source", options.schema_per_source),
        ("--salvage", options.salvage),
        ("--data-only", options.data_only),
    ]
    if mode is Mode.VALIDATE and options.if_exists is IfExists.MERGE:
        flags.append(("--if-exists", IfExists.MERGE.value))
    if mode is not Mode.VALIDATE:
        flags += [("--if-exists", options.if_exists.value), ("--on-error", options.on_error.value)]
        flags += [("--on-conflict", options.on_conflict.value)]
        flags += [("--drop-dependents", ",".join(options.drop_dependents))]
        flags += [("--on-orphan", options.on_orphan.value)]
        flags += [
            ("--cutover-window", options.cutover_window),
            ("--cutover-lock-timeout", f"{options.cutover_lock_timeout_seconds:g}"),
            ("--cutover-patience", f"{options.cutover_patience_seconds:g}"),
        ]
        switches += [("--hold", options.hold), ("--fire-triggers", options.fire_triggers)]
        switches += [("--ignore-version", options.ignore_version)]
    standing = {**_DEFAULTS, **_profile_defaults(options)}
    if options.app and not options.data_only and "--data-only" in standing:
        switches.append(("--no-data-only", True))
    words = ["migration-cli", mode.value, *source_flags(options)]
    words += [
        word for flag, value in flags if value and value != standing.get(flag) for word in (flag, value)
    ]
    words += [switch for switch, on in switches if on]
    return shlex.join(words)


def _profile_defaults(options: RunOptions) -> dict[str, str]:
    """Return what the profile of the application sets where nothing is typed."""
    if not options.app:
        return {}
    from migration.applications.profile_reader import (
        find_profile,  # it reads mapping files, which takes long to load
    )

    try:
        flags = find_profile(options.app).profile.flags.defaults()
    except UnknownApplicationError:  # the run was started by a version that had it
        return {}
    return {f"--{name.replace('_', '-')}": str(value) for name, value in flags.items()}


def psql(options: RunOptions, command: str) -> str:
    """Return a psql line on the target."""
    return shlex.join(["psql", safe_url(options.target), "-c", command])


def resume(run_id: str) -> str:
    """Return the command that lets a run go on."""
    return f"migration-cli resume {run_id}"


def cutover(run_id: str) -> str:
    """Return the command that puts the tables of a held run in place."""
    return f"migration-cli cutover {run_id}"


def cancel(run_id: str) -> str:
    """Return the command that ends a run for good."""
    return f"migration-cli cancel {run_id}"


def next_steps(
    run_id: str,
    status: Phase,
    options: RunOptions,
    *,
    has_tables: bool,
    signing: str = "",
    error_code: str = "",
    is_given_up: bool = False,
    goes_on_by: str = "resume",
) -> tuple[NextStep, ...]:
    """Return what is worth typing now, most likely first.

    Args:
        run_id: the run's full id.
        status: where it is.
        options: what was asked for.
        has_tables: whether it has tables to look at.
        signing: the command that signs for losses.
        error_code: of a failed run's error.
        is_given_up: whether somebody has cancelled it after it had failed.
        goes_on_by: the command by which it goes on.
    """
    if status is Phase.FAILED and error_code == MergeConflictError.code:
        return _whose_rows_count(run_id, options)
    if status is Phase.FAILED and not is_given_up:
        return _after_failure(run_id, options, goes_on_by, way_on(error_code))
    if status is Phase.READY:
        return (
            NextStep("Put the tables in place, in one transaction", cutover(run_id)),
            NextStep("Give up and remove what it has staged", cancel(run_id)),
        )
    if not status.is_end:
        return (
            NextStep("See how far it is", f"migration-cli status {run_id}"),
            NextStep("Go on, should it have been interrupted", resume(run_id)),
        )
    if status in (Phase.CANCELLED, Phase.ROLLED_BACK, Phase.FAILED):
        return (NextStep("Start over", repeat(options, options.mode)),)
    return _after_success(run_id, options, signing) if has_tables else ()


def go_on(run_id: str, command: str) -> NextStep:
    """Return how a run goes on that stands still, by `resume` or, where that holds it again, by `cutover`."""
    if command == "cutover":
        return NextStep("Try the cutover again", cutover(run_id))
    return NextStep("Go on where it stopped; finished chunks are not copied again", resume(run_id))


def _after_failure(run_id: str, options: RunOptions, goes_on_by: str, way: WayOn) -> tuple[NextStep, ...]:
    on = go_on(run_id, goes_on_by)
    drop = NextStep("Give up and remove what it has staged", cancel(run_id))
    start_over = NextStep("Start over", repeat(options, options.mode))
    return {
        WayOn.RESUME: (on, drop),
        WayOn.EITHER: (on, drop, start_over),
        WayOn.START_OVER: (drop, start_over),
        WayOn.ASK_ANEW: (drop,),
    }[way]


def _whose_rows_count(run_id: str, options: RunOptions) -> tuple[NextStep, ...]:
    choices = {
        OnConflict.SOURCE: "Let the source's rows count where they differ",
        OnConflict.TARGET: "Keep the target's rows where they differ",
    }
    again = [
        NextStep(what, repeat(replace(options, on_conflict=choice), options.mode))
        for choice, what in choices.items()
        if choice is not options.on_conflict
    ]
    return (*again, NextStep("Give up and remove what it has staged", cancel(run_id)))


def _after_success(run_id: str, options: RunOptions, signing: str) -> tuple[NextStep, ...]:
    if options.mode is Mode.DRY_RUN:
        signed = (NextStep("Do it, and sign for what is lost", signing),) if signing else ()
        return (NextStep("Do it", repeat(options, Mode.MIGRATE)), *signed)
    schema = options.target_schema.replace('"', '""')
    steps = []
    if options.target and not options.schema_per_source:
        steps.append(NextStep("Look at the tables", psql(options, f'\\dt "{schema}".*')))
    steps.append(NextStep("Compare again, when both sides may have changed", repeat(options, Mode.VALIDATE)))
    if signing:
        steps.append(NextStep("Compare again, and sign for what is lost", signing))
    if options.mode is Mode.MIGRATE:
        steps.append(NextStep("Put back what stood there before", f"migration-cli rollback {run_id}"))
    return tuple(steps)
