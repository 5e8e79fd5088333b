"""Which migrations a source's own bookkeeping says were applied, of the tables that a load of rows leaves alone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

from migration.schema_translation.bookkeeping_tables import Comparison
from migration.schema_translation.table_selection import keeps_book, select_tables
from migration.source.snapshot_connection import open_snapshot
from migration.source.sqlite_syntax import quote_name
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from pathlib import Path

    from migration.run_options import RunOptions
    from migration.schema_translation.bookkeeping_tables import BookkeepingTable
    from migration.source_schema import SourceSchema, SourceTable


def with_applied_versions(
    label: str, schema: SourceSchema, snapshot: Path, options: RunOptions
) -> SourceSchema:
    """Return a schema whose tables of bookkeeping say what was applied, where they stay out of a load of rows.

    A table that cannot be read says nothing; who asks for its rows gets the error.
    """
    if not options.data_only:
        return schema
    chosen = {table.name for table in select_tables(label, schema, options)}
    tables = []
    with open_snapshot(snapshot) as connection:
        for table in schema.tables:
            book = keeps_book(table)
            if book is not None and book.compare is not Comparison.NONE and table.name not in chosen:
                try:
                    tables.append(replace(table, applied=_applied(connection, table, book)))
                    continue
                except sqlite3.Error:
                    pass
            tables.append(table)
    return replace(schema, tables=tuple(tables))


def _applied(connection: sqlite3.Connection, table: SourceTable, book: BookkeepingTable) -> tuple[str, ...]:
    names = [column.name for column in table.columns if folded(column.name) in book.columns]
    listed = ", ".join(quote_name(name) for name in names)
    rows = connection.execute(f"SELECT {listed} FROM {quote_name(table.name)}")
    return book.versions(dict(zip([folded(name) for name in names], row, strict=True)) for row in rows)
