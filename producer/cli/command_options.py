"""The flags that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migration.mapping_file_model import OnConflict, OnOrphan
from migration.model import IdentifierPolicy, IfExists, OnError
from migration.run_options import MAX_WORKERS
from producer.cli.option_values import AUTO
from producer.cli.target_options import EMBEDDED, Target, TargetFlags, choose_target
from producer.cli.unnamed_target import with_advice_to_name_a_target

if TYPE_CHECKING:
    from migration.settings import Settings

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go and how much is said."""

    report: Path | None = None
    as_json: bool = False
    verbose: bool = False


def target_flags(command: Decorated) -> Decorated:
    """Add the flags that name the target."""
    return _add(
        with_advice_to_name_a_target(command),
        click.option("--target-host", metavar="HOST", help="PostgreSQL's host.  [default: localhost]"),
        click.option("--target-port", type=click.IntRange(1, 65535), metavar="PORT", help="[default: 5432]"),
        click.option("--target-db", metavar="NAME", help="Its database.  [default: educational_apps]"),
        click.option("--target-user", metavar="NAME", help="[default: postgres]"),
        click.option(
            "--target-pass",
            metavar="PASSWORD",
            help="Seen by all users of this machine; better in MIGRATION_TARGET_PASSWORD, PGPASSWORD or ~/.pgpass.",
        ),
        click.option(
            "--target-url",
            metavar="URL",
            help="Instead of the five above; `embedded` starts a PostgreSQL whose data is kept in .convoy/postgres.",
        ),
        click.option(
            "--target",
            "target_name",
            metavar="NAME",
            help="Instead of the six above: a target of the file that MIGRATION_TARGETS_FILE names.",
        ),
    )


def source_flags(command: Decorated) -> Decorated:
    """Add the flags that name and choose what is read."""
    return _add(
        command,
        click.option(
            "--source",
            "sources",
            multiple=True,
            metavar="[LABEL=]PATH",
            help="SQLite database or SQL dump, also as .gz or .zst: a file, URL, folder or pattern. Repeatable.",
        ),
        click.option("--tables", multiple=True, metavar="A,B", help="Only these tables."),
        click.option(
            "--exclude",
            multiple=True,
            metavar="C",
            help="All tables but these; TABLE.COLUMN with --data-only, and to validate.",
        ),
        click.option(
            "--catalog",
            type=click.Choice(["educational"]),
            help="Only tables of this catalog (see list-tables).",
        ),
        click.option(
            "--target-schema",
            default="public",
            metavar="NAME",
            show_default=True,
            help="Schema for the tables.",
        ),
        click.option(
            "--schema-per-source", is_flag=True, help="One schema for each source, named by its label."
        ),
        click.option(
            "--identifiers",
            type=click.Choice([policy.value for policy in IdentifierPolicy]),
            default=IdentifierPolicy.PRESERVE.value,
            show_default=True,
            help="Names as they are, in lower case, or UserId as user_id.",
        ),
        click.option(
            "--source-timezone",
            default="UTC",
            metavar="ZONE",
            show_default=True,
            help="Zone of times that name none, such as Europe/Berlin.",
        ),
        click.option(
            "--app",
            metavar="NAME",
            help="Use what is known of an application's tables (migration-cli apps).",
        ),
        click.option(
            "--mapping",
            type=click.Path(path_type=Path),
            metavar="FILE.toml",
            help="Names, types, rules and more for single tables and columns (docs/mapping.md).",
        ),
    )


def work_flags(command: Decorated) -> Decorated:
    """Add the flags that say how the work is done."""
    return _add(
        command,
        click.option(
            "--batch-size",
            default=AUTO,
            metavar="ROWS",
            show_default=True,
            help="Rows that are converted and sent at once.",
        ),
        click.option(
            "--chunk-rows",
            default=AUTO,
            metavar="ROWS",
            show_default=True,
            help="Rows of one unit of work and transaction.",
        ),
        worker_flag,
        click.option(
            "--max-workers",
            type=click.IntRange(1, MAX_WORKERS),
            metavar="N",
            help="On a cluster: at most so many of its workers at a time.  [default: all]",
        ),
        click.option(
            "--priority",
            type=click.IntRange(-100, 100),
            default=0,
            show_default=True,
            metavar="N",
            help="On a cluster: runs with a higher one come first.",
        ),
    )


def trouble_flags(command: Decorated) -> Decorated:
    """Add the flags that say what to do with values that cannot be stored, and with damaged files."""
    return _add(
        command,
        click.option(
            "--on-error",
            type=click.Choice([choice.value for choice in OnError]),
            default=OnError.QUARANTINE.value,
            show_default=True,
            help="A value that cannot be stored: keep its row apart, or stop at once.",
        ),
        click.option(
            "--on-orphan",
            type=click.Choice([choice.value for choice in OnOrphan]),
            default=OnOrphan.NOT_VALID.value,
            show_default=True,
            help="A row whose foreign key points at no row: keep it and leave the constraint NOT VALID, keep the row"
            " apart, or set the reference to NULL.",
        ),
        salvage_flag,
    )


def accept_flag(command: Decorated) -> Decorated:
    """Add --accept."""
    return click.option(
        "--accept",
        multiple=True,
        metavar="LOSS,...",
        help="Sign for a loss by its name, for one of a column as TABLE.COLUMN:LOSS (of one source as"
        " LABEL.TABLE.COLUMN:LOSS), for objects that do not come along as skipped:KIND. The report says who signed.",
    )(command)


def salvage_flag(command: Decorated) -> Decorated:
    """Add --salvage."""
    return click.option(
        "--salvage", is_flag=True, help="Of a damaged source, take what can be read and list the rest."
    )(command)


def worker_flag(command: Decorated) -> Decorated:
    """Add --workers."""
    return click.option(
        "--workers",
        type=click.IntRange(1, MAX_WORKERS),
        metavar="N",
        help="Chunks copied at the same time.  [default: one for each processor]",
    )(command)


def data_only_flag(command: Decorated) -> Decorated:
    """Add --data-only."""
    return click.option(
        "--data-only/--no-data-only",
        default=False,
        help="Load rows into tables that the application has made already, or compare with these; make none.",
    )(command)


def ignore_flag(command: Decorated) -> Decorated:
    """Add --ignore."""
    return click.option(
        "--ignore",
        multiple=True,
        metavar="KIND,KIND",
        help="Kinds of findings about the schema that are wanted: reported, without effect on verdict and exit status"
        " (docs/validation.md).",
    )(command)


def replacement_flags(command: Decorated) -> Decorated:
    """Add the flags that say what becomes of tables that stand there, and of what others have hung on them."""
    return _add(
        command,
        click.option(
            "--if-exists",
            type=click.Choice([choice.value for choice in IfExists]),
            default=IfExists.REFUSE.value,
            show_default=True,
            help="Tables that stand there already: refuse, or replace and keep them for rollback; with --data-only also"
            " merge the rows into theirs, by key.",
        ),
        click.option(
            "--on-conflict",
            type=click.Choice([choice.value for choice in OnConflict]),
            default=OnConflict.ABORT.value,
            show_default=True,
            help="With --if-exists merge: whose row counts where one of another content stands under its key.",
        ),
        click.option(
            "--drop-dependents",
            multiple=True,
            metavar="KIND,KIND",
            help="Objects of replaced tables that may stay behind where they cannot be carried over: view, policy ..."
            " (docs/operations.md).  [default: such a run is refused]",
        ),
    )


def fire_triggers_flag(command: Decorated) -> Decorated:
    """Add --fire-triggers."""
    return click.option(
        "--fire-triggers",
        is_flag=True,
        help="With --data-only: let triggers fire that the role may not put to rest; each is a finding.",
    )(command)


def ignore_version_flag(command: Decorated) -> Decorated:
    """Add --ignore-version."""
    return click.option(
        "--ignore-version",
        is_flag=True,
        help="With --data-only: go on where the application's migrations in source and target are not the same.",
    )(command)


def unused_flags(command: Decorated) -> Decorated:
    """Add the flags of a migration that say how to write, so that its line serves again where nothing is written."""
    return _add(
        command,
        click.option(
            "--if-exists",
            type=click.Choice([choice.value for choice in IfExists]),
            default=IfExists.REFUSE.value,
            hidden=True,
        ),
        click.option(
            "--on-conflict",
            type=click.Choice([choice.value for choice in OnConflict]),
            default=OnConflict.ABORT.value,
            hidden=True,
        ),
        click.option("--drop-dependents", multiple=True, hidden=True),
        click.option(
            "--on-error",
            type=click.Choice([choice.value for choice in OnError]),
            default=OnError.QUARANTINE.value,
            hidden=True,
        ),
        click.option("--fire-triggers", is_flag=True, hidden=True),
        click.option("--ignore-version", is_flag=True, hidden=True),
        click.option("--hold", is_flag=True, hidden=True),
        click.option("--cutover-window", hidden=True),
        click.option("--cutover-lock-timeout", type=float, hidden=True),
        click.option("--cutover-patience", type=float, hidden=True),
    )


def output_flags(command: Decorated) -> Decorated:
    """Add the flags that say what is printed where."""
    return _add(
        command,
        click.option(
            "--report",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Folder for report.json and report.html.  [default: .convoy/reports/RUN]",
        ),
        json_flag,
        verbose_flag,
    )


def json_flag(command: Decorated) -> Decorated:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout, all else to stderr.")(
        command
    )


def verbose_flag(command: Decorated) -> Decorated:
    """Add --verbose."""
    return click.option("--verbose", is_flag=True, help="Say more: events, log files, tracebacks.")(command)


def take_target(values: dict[str, Any], settings: Settings) -> Target:
    """Take the target's flags out of a command's values and return the target."""
    flags = TargetFlags(
        url=values.pop("target_url"),
        host=values.pop("target_host"),
        port=values.pop("target_port"),
        database=values.pop("target_db"),
        user=values.pop("target_user"),
        password=values.pop("target_pass"),
        name=values.pop("target_name"),
    )
    return choose_target(flags, settings)


def target_or_embedded(values: dict[str, Any], settings: Settings) -> Target:
    """Take the target out of a command's values; where nothing names one, it is the embedded server."""
    named = ("target_url", "target_host", "target_port", "target_user", "target_name")
    if settings.target_url is None and all(values[name] is None for name in named):
        values["target_url"] = EMBEDDED
    return take_target(values, settings)


def take_output(values: dict[str, Any]) -> Output:
    """Take the output flags out of a command's values."""
    return Output(values.pop("report", None), values.pop("as_json", False), values.pop("verbose", False))


def _add(command: Decorated, *flags: Callable[[Decorated], Decorated]) -> Decorated:
    for flag in reversed(flags):
        command = flag(command)
    return command
