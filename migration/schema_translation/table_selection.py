"""Which tables of the sources a run is about: `--tables`, `--exclude` and `--catalog`."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Sequence
from typing import Final

from migration.catalog import catalog_names
from migration.convoy_error import NextStep
from migration.errors import UnknownTableError
from migration.mapping_file.mapping_file_application import SKIPPED_BY_FILE
from migration.model import Mode
from migration.name_lists import nearest_name
from migration.run_options import RunOptions
from migration.schema_translation.bookkeeping_tables import BookkeepingTable, bookkeeper
from migration.schema_translation.view_translation import tables_read
from migration.source_flags import list_tables
from migration.source_schema import SourceSchema, SourceTable, TableKind
from migration.sqlite_names import folded

LEFT_OUT: Final = "left out on request"
VIEW_LEFT_OUT: Final = "it reads a table that is left out on request"
KEEPS_BOOK: Final = "keeps book here, and has its own rows in the target (--data-only)"
"""How a table of this kind is told; `left_out_on_request` knows it by that."""
_LEAVES_ALONE: Final = "leaves it as the application has it in the target (migration-cli apps)"


def select_tables(label: str, schema: SourceSchema, options: RunOptions) -> list[SourceTable]:
    """Return the tables of one source that the options ask for, in the order of the source.

    Names match without regard to case, as in SQLite; `label.table` means the table of one source only. Where only rows
    are loaded, tables in which applications keep book about their schema and virtual tables are left out unless they
    are asked for.
    """
    wanted = {folded(name) for name in options.tables}
    unwanted = {folded(name) for name in options.exclude}
    known = catalog_names() if options.catalog else None
    chosen = []
    for table in schema.tables:
        names = _names(label, table)
        if wanted and not names & wanted:
            continue
        if options.data_only and not wanted and stays_out(table):
            continue
        if options.data_only and not wanted and is_left_alone(table, options):
            continue
        if names & unwanted or (known is not None and folded(table.name) not in known):
            continue
        chosen.append(table)
    return chosen


def views_left_out(schema: SourceSchema, chosen: Collection[SourceTable]) -> frozenset[str]:
    """Return the lower-case names of the views that read a table which was not chosen, if only through other views."""
    reads = {folded(item.name): tables_read(item.sql or "") for item in schema.objects if item.kind == "view"}
    gone = {folded(table.name) for table in schema.tables} - {folded(table.name) for table in chosen}
    while more := {name for name, read in reads.items() if name not in gone and read & gone}:
        gone |= more
    return frozenset(gone & reads.keys())


def keeps_book(table: SourceTable) -> BookkeepingTable | None:
    """Return which tool keeps book in a table of a source, by its name and its shape; None where none does."""
    return bookkeeper(table.name, [column.name for column in table.columns])


def stays_out(table: SourceTable) -> str:
    """Return why a load of rows leaves a table out that nobody asks for; empty where it does not."""
    book = keeps_book(table)
    if book is not None:
        return f"{book.keeper} {KEEPS_BOOK}"
    if table.kind is TableKind.VIRTUAL:
        return "a virtual table, which a load of rows leaves out (--data-only)"
    return ""


def is_left_out(label: str, table: SourceTable, options: RunOptions) -> bool:
    """Tell whether a table is not among those that somebody asks for: --tables names others, or --exclude this one."""
    names = _names(label, table)
    wanted, unwanted = ({folded(name) for name in asked} for asked in (options.tables, options.exclude))
    return bool(names & unwanted) or (bool(wanted) and not names & wanted)


def is_left_alone(table: SourceTable, options: RunOptions) -> bool:
    """Tell whether the profile of the application leaves a table as it is in the target."""
    name = folded(table.name)
    return any(fnmatch.fnmatchcase(name, folded(pattern)) for pattern in options.left_alone)


def why_left_out(label: str, table: SourceTable, options: RunOptions) -> str:
    """Return why a load of rows leaves a table out that nobody asks for; empty where it does not.

    What somebody has said, in `--tables`, `--exclude` or the profile, goes before what is known of virtual tables at
    large.
    """
    of_its_kind = stays_out(table)
    if keeps_book(table) is not None:
        return of_its_kind
    if of_its_kind and is_left_out(label, table, options):
        return LEFT_OUT
    return f"the profile {options.app} {_LEAVES_ALONE}" if is_left_alone(table, options) else of_its_kind


def _names(label: str, table: SourceTable) -> set[str]:
    return {folded(table.name), folded(f"{label}.{table.name}")}


def leaves_out(options: RunOptions, label: str, table: str, column: str) -> bool:
    """Tell whether --exclude names a column: `table.column`, or `label.table.column`."""
    names = {folded(f"{table}.{column}"), folded(f"{label}.{table}.{column}")}
    return any(folded(name) in names for name in options.exclude)


def left_out_on_request(kind: str, reason: str) -> bool:
    """Tell whether an object that did not come along was left out because somebody said so, or has no rows of its own.

    The storage of a virtual table is internal to it. Tables in which tools keep book have their own rows in the target.
    """
    if kind == "shadow" or reason in {LEFT_OUT, VIEW_LEFT_OUT, SKIPPED_BY_FILE}:
        return True
    return KEEPS_BOOK in reason or _LEAVES_ALONE in reason


def check_names(sources: Sequence[tuple[str, SourceSchema]], options: RunOptions) -> None:
    """Make sure that every table which the options name is there, in at least one source.

    Where only rows are loaded or compared, `--exclude` may name columns too.

    Raises:
        UnknownTableError: a name is unknown; the message offers the nearest one.
    """
    there: dict[str, str] = {}
    for label, schema in sources:
        for table in schema.tables:
            there[folded(table.name)] = table.name
            there[folded(f"{label}.{table.name}")] = f"{label}.{table.name}"
            if options.data_only or options.mode is Mode.VALIDATE:
                for column in table.columns:
                    there[folded(f"{table.name}.{column.name}")] = f"{table.name}.{column.name}"
                    full = f"{label}.{table.name}.{column.name}"
                    there[folded(full)] = full
    for name in (*options.tables, *options.exclude):
        if folded(name) not in there:
            near, listing = nearest_name(folded(name), there), list_tables(options)
            hint = f"Did you mean {there[near]}" if near else f"List them with `{listing}`"
            raise UnknownTableError(
                f"No source has a table {name}",
                remedy=hint,
                next_steps=() if near else (NextStep("List the tables", listing),),
                source=sources[0][0] if len(sources) == 1 else "",
                table=name,
            )
