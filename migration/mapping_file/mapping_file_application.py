"""Lays a mapping file over what sources declare: from then on every reader sees the columns as the user wants them.

What is skipped leaves the tables and becomes an object that the report lists as skipped; all else travels with the
column (`SourceColumn.override`), so that profile, plan and copy cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from migration.errors import MappingFileError
from migration.mapping_file.mapping_file_reader import suggest
from migration.source_schema import GeneratedKind, SourceObject
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration.mapping_file_model import ColumnOverride, MappingFile, TableOverride
    from migration.run_options import RunOptions
    from migration.source_schema import SourceColumn, SourceSchema, SourceTable

SKIPPED_BY_FILE = "the mapping file skips it"


def check_mapping(sources: Sequence[tuple[str, SourceSchema]], options: RunOptions) -> None:
    """Make sure that everything which the mapping file of a run names is there, and can be done.

    Args:
        sources: label and schema of each, as declared.
        options: of the run.

    Raises:
        MappingFileError: names file, table, column and the nearest name.
    """
    mapping = options.mapping
    if mapping is None:
        return
    labels = [label for label, _ in sources]
    for table in mapping.tables:
        place = _Place(mapping, table)
        if table.source is not None and folded(table.source) not in {folded(label) for label in labels}:
            place.fail(f"No source has the label {table.source}", suggest(table.source, labels))
        schemas = [schema for label, schema in sources if _is_source(table, label)]
        found = [t for schema in schemas for t in schema.tables if folded(t.name) == folded(table.table)]
        if not found and table.optional:
            continue
        if not found:
            names = [t.name for schema in schemas for t in schema.tables]
            place.fail(f"No source has a table {table.table}", suggest(table.table, names))
        if table.skip and {folded(name) for name in options.tables} & _names(table, labels):
            place.fail("--tables asks for a table that the mapping file skips")
        for declared in found:
            _check_table(place, declared)


def apply_mapping(schema: SourceSchema, label: str, mapping: MappingFile | None) -> SourceSchema:
    """Return what a source declares as the mapping file wants it seen. The file must have passed `check_mapping`."""
    if mapping is None:
        return schema
    tables: list[SourceTable] = []
    skipped: list[SourceObject] = []
    for table in schema.tables:
        override = find_table(mapping, label, table.name)
        if override is None:
            tables.append(table)
        elif override.skip:
            skipped.append(SourceObject("table", table.name, table.sql, SKIPPED_BY_FILE))
        else:
            tables.append(_overlaid(table, override))
            skipped += _skipped_parts(table, override)
    return replace(schema, tables=tuple(tables), objects=(*schema.objects, *skipped))


def find_table(mapping: MappingFile, label: str, name: str) -> TableOverride | None:
    """Return what a mapping file wants of a table; what it says of the one source goes before what it says of all."""
    found = [t for t in mapping.tables if folded(t.table) == folded(name) and _is_source(t, label)]
    return next((t for t in found if t.source is not None), found[0] if found else None)


def _is_source(table: TableOverride, label: str) -> bool:
    return table.source is None or folded(table.source) == folded(label)


def _names(table: TableOverride, labels: Iterable[str]) -> set[str]:
    name = folded(table.table)
    return {name, *(f"{folded(label)}.{name}" for label in labels if _is_source(table, label))}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the mapping file something is wrong."""

    mapping: MappingFile
    table: TableOverride

    def fail(self, what: str, remedy: str = "", column: str | None = None) -> NoReturn:
        raise MappingFileError(
            what,
            remedy=remedy,
            mapping=self.mapping.name,
            source=self.table.source or "",
            table=self.table.table,
            column=column or "",
        )


def _check_table(place: _Place, declared: SourceTable) -> None:
    columns = {folded(column.name): column for column in declared.columns}
    names = [column.name for column in declared.columns]
    asked = {folded(column.column): column for column in place.table.columns}
    for name in place.table.key:
        if folded(name) not in columns:
            place.fail(f"key names a column {name} that {declared.name} does not have", suggest(name, names))
        if folded(name) in asked and asked[folded(name)].skip:
            place.fail(f"key names the column {name}, which is skipped")
    for override in place.table.columns:
        column = columns.get(folded(override.column))
        if column is None and override.optional:
            continue
        if column is None:
            remedy = suggest(override.column, names)
            place.fail(f"The table {declared.name} has no column {override.column}", remedy, override.column)
        _check_column(place, declared, column, override)
    if columns and all(name in asked and asked[name].skip for name in columns):
        place.fail("Every column is skipped", "Write skip = true for the table")


def _check_column(place: _Place, table: SourceTable, column: SourceColumn, override: ColumnOverride) -> None:
    if override.skip and table.without_rowid and column.pk_position:
        remedy = "Skip the table, or drop the column after the migration"
        place.fail("The rows of a WITHOUT ROWID table are found by this column", remedy, override.column)
    if override.default is None or override.expression is not None:
        return
    if column.name == table.rowid_alias:
        place.fail("default has no effect: the column's numbers come from a sequence", column=override.column)
    if column.generated is not GeneratedKind.NO:
        place.fail("default has no effect: the column is generated", column=override.column)


def _overlaid(table: SourceTable, override: TableOverride) -> SourceTable:
    asked = {folded(column.column): column for column in override.columns}
    columns: list[SourceColumn] = []
    key_is_whole = True
    alias = table.rowid_alias
    for column in table.columns:
        wanted = asked.get(folded(column.name))
        if wanted is None:
            columns.append(column)
            continue
        if wanted.skip:
            key_is_whole = key_is_whole and not column.pk_position
        if column.name == alias and (wanted.skip or wanted.expression is not None):
            alias = None  # what travels under this name is not the rowid
        if not wanted.skip:
            columns.append(_overlaid_column(column, wanted))
    if not key_is_whole:
        columns = [replace(column, pk_position=0) for column in columns]
    return replace(table, columns=tuple(columns), rowid_alias=alias, override=replace(override, columns=()))


def _overlaid_column(column: SourceColumn, override: ColumnOverride) -> SourceColumn:
    if override.expression is None:
        return replace(column, override=override)
    return replace(column, override=override, generated=GeneratedKind.NO, generated_sql=None)


def _skipped_parts(table: SourceTable, override: TableOverride) -> Iterable[SourceObject]:
    skipped = {folded(column.column) for column in override.columns if column.skip}
    for column in table.columns:
        if folded(column.name) in skipped:
            yield SourceObject("column", f"{table.name}.{column.name}", None, SKIPPED_BY_FILE)
    missing = [name for name in table.primary_key if folded(name) in skipped]
    if missing:
        reason = f"the mapping file skips its column {missing[0]}"
        yield SourceObject("primary key", table.name, None, reason)
