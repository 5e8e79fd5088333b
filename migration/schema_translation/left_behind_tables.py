"""Tables that PostgreSQL cannot hold: a run goes on without them, and says so by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from migration.source_schema import SourceObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.source_schema import SourceSchema

LeftBehind: TypeAlias = dict[tuple[str, str], str]
"""(label of the source, name of the table) → why."""


def without_tables(
    label: str, schema: SourceSchema, left_behind: LeftBehind, rows: Mapping[str, int]
) -> SourceSchema:
    """Return a schema in which the tables that stay behind are no tables any more, but objects with a reason.

    So what refers to them is planned as what refers to any table that does not migrate. `rows` has the number of rows
    of each table.
    """
    gone = {
        table.name: left_behind[label, table.name]
        for table in schema.tables
        if (label, table.name) in left_behind
    }
    objects = [
        SourceObject("table", table.name, table.sql, f"{gone[table.name]}; {_stay(rows.get(table.name, 0))}")
        for table in schema.tables
        if table.name in gone
    ]
    kept = tuple(table for table in schema.tables if table.name not in gone)
    return replace(schema, tables=kept, objects=(*schema.objects, *objects))


def _stay(rows: int) -> str:
    return f"{rows:,} {'row stays' if rows == 1 else 'rows stay'} in the source"
