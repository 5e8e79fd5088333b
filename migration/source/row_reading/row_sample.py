"""Look at some rows in a few places of a range: a first guess that costs next to nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration.model import KeyRange, StorageClass
from migration.source.row_reading.key_range_sql import from_clause
from migration.source.sqlite_syntax import quote_name, value_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from migration.source_schema import SourceColumn, SourceTable

_ROWS = 40  # in each place; 100 took 7 ms for each chunk, more than its bookkeeping
_FEWEST_ROWS = 8
_VALUES = 800  # in each place: of 200 columns, 40 rows took a tenth of the whole profile
_PLACES = 5
_NUMBER_BYTES = 8
_COLUMNS_AT_ONCE = 500  # each takes two columns of the result, of which SQLite allows 2,000


@dataclass(frozen=True, slots=True)
class Sample:
    """`classes` has the most frequent storage class of each column that is not NULL throughout."""

    classes: Mapping[str, StorageClass]
    row_bytes: int
    """Average, at least 1; text and blobs in the database's encoding, numbers as 8 bytes."""
    is_mixed: bool
    """Whether a column has values of several classes."""


def take_sample(connection: sqlite3.Connection, table: SourceTable, key_range: KeyRange) -> Sample:
    """Sample a range of a table; `connection` comes from `connect.open_snapshot`."""
    ranges = _places(connection, table, key_range)
    classes: dict[str, StorageClass] = {}
    row_bytes = 0.0
    is_mixed = False
    for start in range(0, len(table.columns), _COLUMNS_AT_ONCE):
        columns = table.columns[start : start + _COLUMNS_AT_ONCE]
        rows = total = 0
        seen: list[Counter[str]] = [Counter() for _ in columns]
        for row in _rows(connection, table, columns, ranges):
            rows += 1
            total += sum(row[1::2])
            for counter, storage_class in zip(seen, row[::2], strict=True):
                counter[storage_class] += 1
        row_bytes += total / max(rows, 1)
        for column, counter in zip(columns, seen, strict=True):
            del counter[StorageClass.NULL]
            is_mixed = is_mixed or len(counter) > 1
            if counter:
                classes[column.name] = StorageClass(counter.most_common(1)[0][0])
    return Sample(classes, max(1, round(row_bytes)), is_mixed)


def average_row_bytes(
    connection: sqlite3.Connection, table: SourceTable, key_range: KeyRange | None = None
) -> int:
    """Estimate the bytes of a row (see `Sample.row_bytes`), for choosing how many make a chunk or a batch."""
    return take_sample(connection, table, key_range or KeyRange()).row_bytes


def _rows(
    connection: sqlite3.Connection,
    table: SourceTable,
    columns: tuple[SourceColumn, ...],
    ranges: list[KeyRange],
) -> Iterator[tuple[Any, ...]]:
    # typeof() and length() of a blob read no content; the length of a text in bytes has to.
    terms = ", ".join(
        f"typeof({n}), CASE typeof({n}) WHEN 'null' THEN 0 WHEN 'blob' THEN length({n})"
        f" WHEN 'text' THEN length(CAST({n} AS BLOB)) ELSE {_NUMBER_BYTES} END"
        for n in map(value_sql, columns)
    )
    rows = max(_FEWEST_ROWS, min(_ROWS, _VALUES // len(table.columns)))
    for place in ranges:
        yield from connection.execute(f"SELECT {terms} {from_clause(table, place)} LIMIT {rows}")


def _places(connection: sqlite3.Connection, table: SourceTable, within: KeyRange) -> list[KeyRange]:
    """Return ranges that begin at a few row ids spread over the range, or the range itself where there are none."""
    if table.rowid_name is None:
        return [within]
    name = quote_name(table.rowid_name)
    rows = f"SELECT t.{name} {from_clause(table, within)} ORDER BY t.{name}"
    first, last = (connection.execute(f"{rows} {order} LIMIT 1").fetchone() for order in ("ASC", "DESC"))
    if first is None or last is None or last[0] - first[0] < _ROWS * _PLACES:
        return [within]
    starts = [first[0] + (last[0] - first[0]) * place // _PLACES for place in range(1, _PLACES)]
    upto = within.upto or (str(last[0]),)
    return [within, *(KeyRange((table.rowid_name,), (str(start),), upto) for start in starts)]
