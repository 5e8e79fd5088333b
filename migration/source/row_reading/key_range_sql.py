"""A key range as SQL: the FROM and WHERE that every query of this package shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.source.sqlite_syntax import quote_name

if TYPE_CHECKING:
    from migration.model import KeyRange
    from migration.source_schema import SourceTable


def range_condition(key_range: KeyRange) -> str:
    """Return the SQL condition for the rows of a range of the table called `t`; empty for the whole table."""
    columns = ", ".join(f"t.{quote_name(name)}" for name in key_range.columns)
    left = f"({columns})" if len(key_range.columns) > 1 else columns
    parts: list[str] = []
    for operator, bound in ((">", key_range.after), ("<=", key_range.upto)):
        if bound is not None:
            values = ", ".join(bound)
            parts.append(f"{left} {operator} ({values})" if len(bound) > 1 else f"{left} {operator} {values}")
    return " AND ".join(parts)


def from_clause(table: SourceTable, key_range: KeyRange) -> str:
    """Return FROM and WHERE for the rows of a range, with the table called `t`.

    NOT INDEXED keeps SQLite off secondary indexes: damaged ones do no harm, missing collations are not asked for,
    and the rows come in the order of the key.
    """
    condition = range_condition(key_range)
    # SQLite flattens the subquery: a range of its key is still a search in the table behind it.
    rows = f"({table.rows_sql}) AS t" if table.rows_sql else f"{quote_name(table.name)} AS t NOT INDEXED"
    return f"FROM {rows}" + (f" WHERE {condition}" if condition else "")
