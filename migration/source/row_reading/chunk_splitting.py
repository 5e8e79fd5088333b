"""Cut a table into ranges of its key, each with about the same number of rows, without reading the rows.

The key is stepped through: from the last bound, skip n - 1 entries. Dividing min..max evenly would fail on row ids
with gaps, and OFFSET from the start would cost O(n²).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.model import KeyRange
from migration.source.row_reading.key_range_sql import from_clause
from migration.source.row_reading.row_sample import average_row_bytes
from migration.source.sqlite_syntax import quote_name, quote_text
from migration.source_schema import TableKind

if TYPE_CHECKING:
    import sqlite3

    from migration.source_schema import SourceTable

__all__ = ["Split", "average_row_bytes", "split_table", "step_columns"]

_OWN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})


@dataclass(frozen=True, slots=True)
class Split:
    """One range of a table and the exact number of rows in it."""

    key_range: KeyRange
    rows: int


def split_table(connection: sqlite3.Connection, table: SourceTable, chunk_rows: int) -> list[Split]:
    """Split a table into ranges of `chunk_rows` rows; the last one has the rest.

    The ranges cover the table without overlap, and their rows add up to count(*). An empty table is one range, and so
    is a table without a key that can be stepped through (see `step_columns`). `connection` comes from
    `connect.open_snapshot`.
    """
    columns = step_columns(table)
    if not columns:
        return [Split(KeyRange(), _count(connection, table, KeyRange()))]
    return _split_range(connection, table, KeyRange(columns), chunk_rows)


def taper(
    connection: sqlite3.Connection, table: SourceTable, splits: list[Split], *, last: int, chunk_rows: int
) -> list[Split]:
    """Cut the `last` ranges of a table smaller, so that workers who share the ranges end at the same time.

    A table of no more than `last` ranges stays as it is: then there are too few for anybody to wait long.
    """
    if len(splits) <= last:
        return splits
    tail = [
        part
        for split in splits[-last:]
        for part in _split_range(connection, table, split.key_range, chunk_rows)
    ]
    return splits[:-last] + tail


def _split_range(
    connection: sqlite3.Connection, table: SourceTable, whole: KeyRange, chunk_rows: int
) -> list[Split]:
    columns = whole.columns
    splits: list[Split] = []
    after = whole.after
    while True:
        rest = KeyRange(columns, after, whole.upto)
        upto = _bound(connection, table, rest, chunk_rows)
        if upto is None:
            rows = _count(connection, table, rest)
            if rows or not splits:
                splits.append(Split(rest, rows))
            else:  # the rows came out even: the last range ends where the whole does
                splits[-1] = Split(KeyRange(columns, splits[-1].key_range.after, whole.upto), splits[-1].rows)
            return splits
        if upto == ():
            return [Split(whole, _count(connection, table, whole))]
        splits.append(Split(KeyRange(columns, after, upto), chunk_rows))
        after = upto


def step_columns(table: SourceTable) -> tuple[str, ...]:
    """Return the names of the key whose ranges can be chunks; empty where there is none.

    That is the rowid under any name it can be reached by, or the primary key of a WITHOUT ROWID table where a
    comparison of row values follows the order in which it is stored: all ascending, with the columns' own collations,
    which SQLite must have.
    """
    if table.kind is TableKind.VIRTUAL and table.rows_sql is None:
        return ()  # an R-Tree has no order by its key: each range would read all of it
    if table.rowid_name is not None:
        return (table.rowid_name,)
    key = next((index for index in table.indexes if index.origin == "pk"), None)
    if not table.without_rowid or key is None:
        return ()
    collations = {column.name: column.collation.upper() for column in table.columns}
    for term in key.columns:
        if term.descending or term.name is None or term.collation.upper() not in _OWN_COLLATIONS:
            return ()
        if collations.get(term.name) != term.collation.upper():
            return ()
    return tuple(term.name for term in key.columns if term.name is not None)


def _count(connection: sqlite3.Connection, table: SourceTable, key_range: KeyRange) -> int:
    (rows,) = connection.execute(f"SELECT count(*) {from_clause(table, key_range)}").fetchone()
    return int(rows)


def _bound(
    connection: sqlite3.Connection, table: SourceTable, rest: KeyRange, chunk_rows: int
) -> tuple[str, ...] | None:
    """Return the key of row number `chunk_rows` as literals; None past the end, () for a key without exact literals."""
    names = [f"t.{quote_name(name)}" for name in rest.columns]
    # The bytes of a text are read as they are stored: they may hold NUL, or not be UTF-8.
    terms = ", ".join(
        f"typeof({n}), CASE WHEN typeof({n}) = 'text' THEN CAST({n} AS BLOB) ELSE quote({n}) END"
        for n in names
    )
    row = connection.execute(
        f"SELECT {terms} {from_clause(table, rest)} ORDER BY {', '.join(names)} LIMIT 1 OFFSET {chunk_rows - 1}"
    ).fetchone()
    if row is None:
        return None
    if "real" in row[::2]:
        return ()  # two versions of SQLite may read the same digits as neighbouring doubles
    encoding = connection.execute("PRAGMA encoding").fetchone()[0]
    return tuple(
        _text_literal(value, encoding) if storage_class == "text" else str(value)
        for storage_class, value in zip(row[::2], row[1::2], strict=True)
    )


def _text_literal(raw: bytes, encoding: str) -> str:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    # SQLite ends a literal at NUL, and cannot spell broken text at all.
    return f"CAST(x'{raw.hex()}' AS TEXT)" if "\0" in text else quote_text(text)
