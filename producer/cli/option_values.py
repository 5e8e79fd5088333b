"""What the flags of a command amount to: the options of a run."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import click

from migration.attached_object_kinds import DROPPABLE_KINDS
from migration.errors import UsageError
from migration.ignored_kinds import check_ignored
from migration.mapping_file_model import OnConflict, OnOrphan
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, Source
from migration.run_options import MAX_BATCH_ROWS, MAX_CHUNK_ROWS, RunOptions
from producer.cli.cutover_options import cutover_terms

if TYPE_CHECKING:
    from migration.mapping_file_model import MappingFile

AUTO = "auto"
_MOST_WORKERS = 8


_CUTOVER = ("cutover_window", "cutover_lock_timeout", "cutover_patience")


def operator() -> str:
    """Return who runs this command, and where."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may know no name of its user
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


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


def run_options(mode: Mode, sources: tuple[Source, ...], values: dict[str, Any]) -> RunOptions:
    """Return the options of a run from a command's values; the target is filled in once it is reached.

    Raises:
        UsageError: a value makes no sense.
    """
    app = values.get("app")
    if app:
        from migration.applications.profile_application import with_flags

        values = with_flags(app, values, _typed())
    zone = values["source_timezone"]
    if zone not in available_timezones():
        raise UsageError(
            f"There is no time zone {zone}",
            setting="--source-timezone",
            remedy="Write it as in Europe/Berlin",
        )
    options = RunOptions(
        mode=mode,
        sources=sources,
        target_schema=values["target_schema"],
        schema_per_source=values["schema_per_source"],
        tables=split_names(values["tables"]),
        exclude=split_names(values["exclude"]),
        catalog=values["catalog"],
        if_exists=IfExists(values.get("if_exists", IfExists.REFUSE)),
        on_conflict=OnConflict(values.get("on_conflict", OnConflict.ABORT)),
        drop_dependents=dropped_kinds(values.get("drop_dependents", ())),
        data_only=values.get("data_only", False),
        fire_triggers=values.get("fire_triggers", False),
        ignore_version=values.get("ignore_version", False),
        identifiers=IdentifierPolicy(values["identifiers"]),
        source_timezone=zone,
        batch_rows=_rows_or_auto("--batch-size", values.get("batch_size", AUTO), MAX_BATCH_ROWS),
        chunk_rows=_rows_or_auto("--chunk-rows", values.get("chunk_rows", AUTO), MAX_CHUNK_ROWS),
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
    if app:
        from migration.applications.profile_application import with_profile

        options = with_profile(options, app)
    from migration.schema_translation.request_refusals import refuse_by_name

    refuse_by_name(options)
    given = {name: values[name] for name in _CUTOVER if values.get(name) is not None}
    return cutover_terms(given).of(options) if given else options


def _typed() -> frozenset[str]:
    """Return the options of the command that stand on its line, and not there by default."""
    context = click.get_current_context(silent=True)
    if context is None:
        return frozenset()
    source = click.core.ParameterSource.COMMANDLINE
    return frozenset(name for name in context.params if context.get_parameter_source(name) is source)


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


def _rows_or_auto(flag: str, value: str, most: int) -> int | None:
    if value == AUTO:
        return None
    if not value.isdecimal():
        raise UsageError(f"{flag} is a number of rows or {AUTO}, not {value}", setting=flag)
    rows = int(value) if len(value) <= len(str(most)) else most + 1
    if rows < 1:
        raise UsageError(f"{flag} must be at least 1, not {rows}", setting=flag)
    if rows > most:
        raise UsageError(f"{flag} must be at most {most:,}", setting=flag)
    return rows
