"""The flags that several commands share, and what they amount to."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import available_timezones

import click

from migration.attached_object_kinds import DROPPABLE_KINDS
from migration.errors import UsageError
from migration.ignored_kinds import check_ignored
from migration.mapping_file_model import OnOrphan
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, RunOptions, Source
from producer.cli.cutover_options import cutover_terms
from producer.cli.target_options import Target, TargetFlags, choose_target

if TYPE_CHECKING:
    from migration.mapping_file_model import MappingFile
    from migration.settings import Settings

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_MOST_WORKERS = 8
_AUTO = "auto"
_CUTOVER = ("cutover_window", "cutover_lock_timeout", "cutover_patience")


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go and how much is said."""

    report: Path | None = None
    as_json: bool = False
    verbose: bool = False


def target_flags(command: Decorated) -> Decorated:
    """Add the flags that name the target."""
    return _add(
        command,
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
            help="SQLite database: a file or a URL. May be given several times.",
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
            default=_AUTO,
            metavar="ROWS",
            show_default=True,
            help="Rows that are converted and sent at once.",
        ),
        click.option(
            "--chunk-rows",
            default=_AUTO,
            metavar="ROWS",
            show_default=True,
            help="Rows of one unit of work and transaction.",
        ),
        worker_flag,
        click.option(
            "--max-workers",
            type=click.IntRange(min=1),
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
        help="Sign for a loss by its name, for one of a column as TABLE.COLUMN:LOSS, for objects that do not come along"
        " as skipped:KIND. The report says who signed.",
    )(command)


def operator() -> str:
    """Return who runs this command, and where."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may know no name of its user
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


def salvage_flag(command: Decorated) -> Decorated:
    """Add --salvage."""
    return click.option(
        "--salvage", is_flag=True, help="Of a damaged source, take what can be read and list the rest."
    )(command)


def worker_flag(command: Decorated) -> Decorated:
    """Add --workers."""
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Chunks copied at the same time.  [default: one for each processor]",
    )(command)


def data_only_flag(command: Decorated) -> Decorated:
    """Add --data-only."""
    return click.option(
        "--data-only",
        is_flag=True,
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


def dropped_kinds(values: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of `--drop-dependents`.

    Raises:
        UsageError: there is no such kind.
    """
    kinds = split_names(values)
    unknown = sorted(set(kinds) - set(DROPPABLE_KINDS))
    if unknown:
        raise UsageError(
            f"There is no kind of object called {unknown[0]}",
            setting="--drop-dependents",
            remedy=f"The kinds are {', '.join(sorted(DROPPABLE_KINDS))}",
        )
    return kinds


def replacement_flags(command: Decorated) -> Decorated:
    """Add the flags that say what becomes of tables that stand there, and of what others have hung on them."""
    return _add(
        command,
        click.option(
            "--if-exists",
            type=click.Choice([choice.value for choice in IfExists]),
            default=IfExists.REFUSE.value,
            show_default=True,
            help="Tables that stand there already: refuse, or replace and keep them for rollback.",
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
        click.option("--drop-dependents", multiple=True, hidden=True),
        click.option(
            "--on-error",
            type=click.Choice([choice.value for choice in OnError]),
            default=OnError.QUARANTINE.value,
            hidden=True,
        ),
        click.option("--fire-triggers", is_flag=True, hidden=True),
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
    )
    return choose_target(flags, settings)


def take_output(values: dict[str, Any]) -> Output:
    """Take the output flags out of a command's values."""
    return Output(values.pop("report", None), values.pop("as_json", False), values.pop("verbose", False))


def run_options(mode: Mode, sources: tuple[Source, ...], values: dict[str, Any]) -> RunOptions:
    """Return the options of a run from a command's values; the target is filled in once it is reached.

    Raises:
        UsageError: a value makes no sense.
    """
    zone = values["source_timezone"]
    if zone not in available_timezones():
        raise UsageError(
            f"There is no time zone {zone}",
            setting="--source-timezone",
            remedy="Write it as in Europe/Berlin",
        )
    if values["schema_per_source"] and values["target_schema"] != "public":
        raise UsageError(
            "--schema-per-source and --target-schema exclude each other", setting="--schema-per-source"
        )
    if values["tables"] and values["exclude"]:
        both = sorted(set(split_names(values["tables"])) & set(split_names(values["exclude"])))
        if both:
            raise UsageError(f"{both[0]} is in --tables and in --exclude", setting="--exclude")
    if values.get("fire_triggers") and not values.get("data_only"):
        raise UsageError("--fire-triggers is for --data-only", setting="--fire-triggers")
    options = RunOptions(
        mode=mode,
        sources=sources,
        target_schema=values["target_schema"],
        schema_per_source=values["schema_per_source"],
        tables=split_names(values["tables"]),
        exclude=split_names(values["exclude"]),
        catalog=values["catalog"],
        if_exists=IfExists(values.get("if_exists", IfExists.REFUSE)),
        drop_dependents=dropped_kinds(values.get("drop_dependents", ())),
        data_only=values.get("data_only", False),
        fire_triggers=values.get("fire_triggers", False),
        identifiers=IdentifierPolicy(values["identifiers"]),
        source_timezone=zone,
        batch_rows=_rows_or_auto("--batch-size", values.get("batch_size", _AUTO)),
        chunk_rows=_rows_or_auto("--chunk-rows", values.get("chunk_rows", _AUTO)),
        workers=worker_count(values.get("workers")),
        priority=values.get("priority", 0),
        max_workers=values.get("max_workers"),
        skip_validation=values.get("skip_validation", False),
        hold=values.get("hold", False),
        mapping=_mapping(values["mapping"]),
        accept=_accepted(values.get("accept", ())),
        accepted_by=operator() if values.get("accept") else "",
        on_error=OnError(values.get("on_error", OnError.QUARANTINE)),
        on_orphan=OnOrphan(values.get("on_orphan", OnOrphan.NOT_VALID)),
        salvage=values.get("salvage", False),
        ignore=check_ignored("--ignore", split_names(values.get("ignore", ()))),
    )
    given = {name: values[name] for name in _CUTOVER if values.get(name) is not None}
    return cutover_terms(given).of(options) if given else options


def _mapping(path: Path | None) -> MappingFile | None:
    if path is None:
        return None
    from migration.mapping_file.mapping_file_reader import load_mapping

    return load_mapping(path)


def _accepted(values: Sequence[str]) -> tuple[str, ...]:
    """Return the entries of --accept; a loss that there is not is refused before anything is done."""
    entries = split_names(values)
    if entries:
        from migration.mapping_file.loss_signatures import read_signature

        for entry in entries:
            read_signature(entry)
    return entries


def split_names(values: Sequence[str]) -> tuple[str, ...]:
    """Return the names of `--tables a,b --tables c`."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def worker_count(wanted: int | None) -> int:
    """Return how many chunks to copy at the same time: as asked, else one for each processor, at least 2."""
    return wanted if wanted is not None else max(2, min(_MOST_WORKERS, os.cpu_count() or 2))


def _rows_or_auto(flag: str, value: str) -> int | None:
    if value == _AUTO:
        return None
    if not value.isdecimal():
        raise UsageError(f"{flag} is a number of rows or {_AUTO}, not {value}", setting=flag)
    rows = int(value)
    if rows < 1:
        raise UsageError(f"{flag} must be at least 1, not {rows}", setting=flag)
    return rows


def _add(command: Decorated, *flags: Callable[[Decorated], Decorated]) -> Decorated:
    for flag in reversed(flags):
        command = flag(command)
    return command
