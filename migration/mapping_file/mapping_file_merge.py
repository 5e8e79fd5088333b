"""Lays what a profile of an application asks for below what a user's mapping file asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.mapping_file_model import MappingFile
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from migration.mapping_file_model import ColumnOverride, TableOverride


def as_optional(mapping: MappingFile) -> MappingFile:
    """Return a profile's mapping: tables and columns that another version of the application lacks are no error."""
    tables = tuple(
        replace(
            table, optional=True, columns=tuple(replace(column, optional=True) for column in table.columns)
        )
        for table in mapping.tables
    )
    return replace(mapping, tables=tables, is_profile=True)


def merged(upper: MappingFile | None, lower: MappingFile | None) -> MappingFile | None:
    """Return both together; what the upper one says of a table or column goes before what the lower one says of it.

    A column that the upper one names is as that says, but for its new name where it gives none: rules and types of two
    hands for one column would contradict each other.
    """
    if upper is None or lower is None:
        return upper or lower
    below = {folded(table.table): table for table in lower.tables}
    tables = [
        _table(table, below[folded(table.table)]) if folded(table.table) in below else table
        for table in upper.tables
    ]
    for_all = {folded(table.table) for table in upper.tables if table.source is None}
    tables += [table for name, table in below.items() if name not in for_all]
    return replace(upper, tables=tuple(tables))


def _table(upper: TableOverride, lower: TableOverride) -> TableOverride:
    below = {folded(column.column): column for column in lower.columns}
    columns = [_column(column, below.pop(folded(column.column), None)) for column in upper.columns]
    return replace(
        upper,
        rename=upper.rename or lower.rename,
        skip=upper.skip or lower.skip,
        key=upper.key or lower.key,
        on_orphan=upper.on_orphan or lower.on_orphan,
        columns=(*columns, *below.values()),
    )


def _column(upper: ColumnOverride, lower: ColumnOverride | None) -> ColumnOverride:
    return upper if lower is None else replace(upper, rename=upper.rename or lower.rename)
