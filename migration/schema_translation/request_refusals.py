"""What the options of a run can be refused for by their words alone, before a file is opened or a server asked.

The command line and the API ask here before they start anything, and the run asks again: one that another version has
written into the ledger may never have been asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from migration.catalog import catalog_names
from migration.convoy_error import NextStep
from migration.errors import MappingFileError, UnknownTableError, UsageError
from migration.identifiers import column_namespace, shorten
from migration.mapping_file.mapping_file_reader import suggest
from migration.mapping_file_model import OnConflict
from migration.model import IfExists, Mode
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from migration.convoy_error import Place
    from migration.mapping_file_model import MappingFile, TableOverride
    from migration.run_options import RunOptions

RUN_SCHEMA: Final = re.compile(r"convoy_([0-9a-f]{32})_(staging|previous|kept)(_[0-9]+)?")
"""Schemas that runs make for themselves, and that `cleanup` removes."""
_KEPT_SCHEMAS: Final = frozenset({"convoy", "information_schema"})
_OF_A_RUN: Final = re.compile(r"convoy_[0-9a-f]{32}(?![0-9a-zA-Z])")
"""How the names begin of all that a run makes for itself, today or in another version."""

Spelling: TypeAlias = Callable[[str], str]
"""How somebody has written an option: `target_schema` is a flag for one, and a member of JSON for the other."""


def as_flag(option: str) -> str:
    """Return an option as the command line has it.

    >>> as_flag("target_schema")
    '--target-schema'
    """
    return f"--{option.replace('_', '-')}"


def as_member(option: str) -> str:
    """Return an option as a request has it."""
    return option


def refuse_by_name(options: RunOptions, spelled: Spelling = as_flag) -> None:
    """Refuse options that contradict each other, or name what there cannot be.

    Args:
        options: of a run, with the profile of an application laid below them.
        spelled: how the user has written an option, for messages.

    Raises:
        UsageError: says which option, and what to write instead.
    """
    _check_schemas(options, spelled)
    for option in ("fire_triggers", "ignore_version"):
        if getattr(options, option) and not options.data_only:
            raise UsageError(f"{spelled(option)} is for {spelled('data_only')}", setting=spelled(option))
    if options.if_exists is IfExists.MERGE and not options.data_only:
        raise UsageError(
            f"{spelled('if_exists')} merge is for {spelled('data_only')}: a migration makes tables of its own",
            setting=spelled("if_exists"),
            remedy=f"Load the rows into the tables that stand there, with {spelled('data_only')}",
        )
    # A comparison takes the flags of the migration that it follows.
    decides = options.on_conflict is not OnConflict.ABORT and options.mode is not Mode.VALIDATE
    if decides and options.if_exists is not IfExists.MERGE:
        raise UsageError(
            f"{spelled('on_conflict')} is for {spelled('if_exists')} merge", setting=spelled("on_conflict")
        )
    _check_tables(options, spelled)
    if options.mapping is not None:
        _check_mapping(options.mapping, options, spelled)


def _check_schemas(options: RunOptions, spelled: Spelling) -> None:
    if not options.schema_per_source:
        check_schema_name(options.target_schema, spelled)
        return
    if options.target_schema != "public":
        both = f"{spelled('schema_per_source')} and {spelled('target_schema')}"
        raise UsageError(f"{both} exclude each other", setting=spelled("schema_per_source"))
    for source in options.sources:
        check_schema_name(source.label, spelled, label=source.label)


def check_schema_name(name: str, spelled: Spelling = as_flag, *, label: str | None = None) -> None:
    """Make sure that a schema may hold users' tables; `label` is of the source that it is named by.

    Raises:
        UsageError: the server, or Convoy, keeps it for itself, or it is no name.
    """
    other = f"Choose another one with {spelled('target_schema')}"
    if label is not None:
        other = "Give the source another label"
    if not name or "\0" in name or shorten(name) != name:
        raise UsageError(
            f"A schema has a name of 1 to 63 bytes, not {name!r:.80}",
            setting=spelled("target_schema" if label is None else "schema_per_source"),
            remedy=other,
            source=label or "",
        )
    # https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-CATALOG
    if name in _KEPT_SCHEMAS or name.startswith("pg_") or _OF_A_RUN.match(name):
        raise UsageError(
            f"The schema {name} is not for users' tables",
            remedy=other if label is not None else f"{other}; one that does not exist is created at cutover",
            schema=name,
            source=label or "",
        )


def _check_tables(options: RunOptions, spelled: Spelling) -> None:
    excluded = {folded(name) for name in options.exclude}
    for name in options.tables:
        if folded(name) in excluded:
            raise UsageError(
                f"{name} is in {spelled('tables')} and in {spelled('exclude')}", setting=spelled("exclude")
            )
        if options.catalog is not None:
            # What stands before a full stop may be a label, or part of the name.
            endings = [folded(name).split(".", parts)[-1] for parts in range(name.count(".") + 1)]
            known = catalog_names()
            if known.isdisjoint(endings):
                meant = suggest(endings[-1], known)
                listing = NextStep("List the tables of the catalog", "migration-cli list-tables")
                raise UnknownTableError(
                    f"The catalog {options.catalog} has no table {name}",
                    remedy=meant or f"List them with `{listing.command}`",
                    next_steps=() if meant else (listing,),
                    table=name,
                )


def _check_mapping(mapping: MappingFile, options: RunOptions, spelled: Spelling) -> None:
    labels = [source.label for source in options.sources]
    asked = {folded(name) for name in options.tables}
    for table in mapping.tables:
        place: Place = {"mapping": mapping.name, "source": table.source or "", "table": table.table}
        if table.source is not None and folded(table.source) not in {folded(label) for label in labels}:
            raise MappingFileError(
                f"No source has the label {table.source}", remedy=suggest(table.source, labels), **place
            )
        if table.skip and not table.optional and asked & _names(table, labels):
            raise MappingFileError(
                f"{spelled('tables')} asks for a table that the mapping file skips", **place
            )
        _check_columns(table, place)
    _check_renames(mapping, options, labels)


def _check_columns(table: TableOverride, place: Place) -> None:
    skipped = {folded(column.column) for column in table.columns if column.skip}
    for name in table.key:
        if folded(name) in skipped:
            raise MappingFileError(f"key names the column {name}, which is skipped", **place)
    renamed = [
        column for column in table.columns if column.rename and not column.skip and not column.optional
    ]
    for column in renamed:
        if column_namespace().claim(column.rename or "") != column.rename:
            raise MappingFileError(
                f"{column.column} cannot be renamed to {column.rename}: PostgreSQL has that name for itself",
                **_at(place, column.column),
            )
    twice = _twice(column.rename or "" for column in renamed)
    if twice is not None:
        both = [column.column for column in renamed if column.rename == twice]
        raise MappingFileError(
            f"The mapping file renames both {both[0]} and {both[1]} to {twice}",
            **_at(place, both[0]),
        )


def _at(place: Place, column: str) -> Place:
    return {**place, "column": column}


def _check_renames(mapping: MappingFile, options: RunOptions, labels: Collection[str]) -> None:
    """Refuse two tables of one name; those of two sources may be, where each has a schema of its own."""
    wanted, unwanted = ({folded(name) for name in names} for names in (options.tables, options.exclude))
    coming = [
        table
        for table in mapping.tables
        if table.rename
        and not (table.skip or table.optional)
        and (options.catalog is None or folded(table.table) in catalog_names())
        and (not wanted or wanted & _names(table, labels))
        and not unwanted & _names(table, labels)
    ]
    for source in dict.fromkeys(table.source for table in coming):
        twice = _twice(table.rename or "" for table in coming if table.source == source)
        if twice is not None:
            both = [table.table for table in coming if table.source == source and table.rename == twice]
            raise MappingFileError(
                f"The mapping file renames both {both[0]} and {both[1]} to {twice}",
                mapping=mapping.name,
                source=source or "",
                remedy="Give each a name of its own, or skip one",
            )


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _names(table: TableOverride, labels: Collection[str]) -> set[str]:
    of = [folded(label) for label in labels if table.source is None or folded(table.source) == folded(label)]
    return {folded(table.table), *(f"{label}.{folded(table.table)}" for label in of)}
