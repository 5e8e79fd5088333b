"""The SELECT behind a batch: one typed expression for each slot of each column.

ADBC takes the Arrow type of a column from the first row and coerces what comes later, silently and with loss. So a
value is only read through an expression that yields its own storage class or NULL, and the types are fixed by a first
row of literals, which the reader drops.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from migration.model import StorageClass
from migration.source.row_reading.key_range_sql import from_clause
from migration.source.sqlite_syntax import quote_name, value_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import KeyRange
    from migration.source_schema import SourceTable

SLOT_TYPES: Final[Mapping[StorageClass, pa.DataType]] = MappingProxyType(
    {
        StorageClass.INTEGER: pa.int64(),
        StorageClass.REAL: pa.float64(),
        StorageClass.TEXT: pa.string(),
        StorageClass.BLOB: pa.binary(),
    }
)
_LITERALS: Final[Mapping[StorageClass, str]] = MappingProxyType(
    {StorageClass.INTEGER: "0", StorageClass.REAL: "0.0", StorageClass.TEXT: "''", StorageClass.BLOB: "x''"}
)
# SQLite's own limit for the columns of a result is 2,000: https://www.sqlite.org/limits.html#max_column
_MAX_EXPRESSIONS = 1_900


class Guard(Enum):
    """Which columns of a single class are read through a CASE that lets no other class pass."""

    NONE = auto()
    """The classes are known."""
    COERCED = auto()
    """Those whose values ADBC would coerce without a word; for the others it raises an error."""
    ALL = auto()
    """Every one: values of other classes are left out, like NULL."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One expression of the SELECT. `column` is None for a part of the key."""

    column: str | None
    storage_class: StorageClass
    sql: str
    encoding: str | None = None
    """Of a text that is read as its bytes in the database."""

    @property
    def arrow_class(self) -> StorageClass:
        """The storage class under which the value leaves SQLite."""
        return self.storage_class if self.encoding is None else StorageClass.BLOB


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """Statements that together read one range; more than one only for very wide tables.

    Each begins with the same `keys` slots, in the same order of rows.
    """

    table: SourceTable
    key_range: KeyRange
    keys: tuple[Slot, ...]
    groups: tuple[tuple[Slot, ...], ...]

    def slots(self, group: int) -> tuple[Slot, ...]:
        """Return the expressions of one statement in order: those of the key, then those of the group."""
        return (*self.keys, *self.groups[group])

    def statement(self, group: int, *, first_row: bool) -> str:
        """Return one SELECT, with or without the first row of literals."""
        slots = self.slots(group)
        expressions = ", ".join(slot.sql for slot in slots) or "0"  # a table may have nothing but rows
        rows = f"SELECT {expressions} {from_clause(self.table, self.key_range)}"
        if self.table.without_rowid and len(self.groups) > 1:
            # Only here may SQLite choose another order; the LIMIT keeps it from dropping ORDER BY in a subquery.
            order = ", ".join(f"t.{quote_name(name)}" for name in self.table.primary_key)
            rows = f"SELECT * FROM ({rows} ORDER BY {order} LIMIT -1)"
        if not first_row:
            return rows
        literals = (
            ", ".join(f"{_LITERALS[slot.arrow_class]} AS c{n}" for n, slot in enumerate(slots)) or "0 AS c0"
        )
        return f"SELECT {literals} UNION ALL {rows}"


def build_query(
    table: SourceTable,
    classes: Mapping[str, Sequence[StorageClass]],
    key_range: KeyRange,
    *,
    guard: Guard,
    encoding: str = "UTF-8",
) -> BatchQuery:
    """Build the query for these storage classes of these columns.

    A column with several classes is always guarded, since each has its own slot. Texts of a UTF-16 database leave it
    as their bytes: SQLite would make one character of a half surrogate and what follows it, without a word.
    """
    wide = encoding if encoding != "UTF-8" else None
    values = {column.name: value_sql(column) for column in table.columns}
    slots: list[Slot] = []
    for column, present in classes.items():
        if column == table.rowid_alias and tuple(present) == (StorageClass.INTEGER,):
            continue  # it is the key
        name = values[column]
        for storage_class in present:
            if storage_class is StorageClass.NULL:
                continue
            is_plain = len(present) == 1 and (
                guard is Guard.NONE or (guard is Guard.COERCED and storage_class is StorageClass.INTEGER)
            )
            value = (
                name if is_plain else f"CASE WHEN typeof({name}) = '{storage_class.value}' THEN {name} END"
            )
            if wide and storage_class is StorageClass.TEXT:
                slots.append(Slot(column, storage_class, f"CAST({value} AS BLOB)", wide))
            else:
                slots.append(Slot(column, storage_class, value))
    keys = _key_slots(table)
    step = _MAX_EXPRESSIONS - len(keys)
    groups = tuple(tuple(slots[start : start + step]) for start in range(0, len(slots), step)) or ((),)
    return BatchQuery(table, key_range, keys, groups)


def _key_slots(table: SourceTable) -> tuple[Slot, ...]:
    if table.rowid_name is not None:
        return (Slot(None, StorageClass.INTEGER, f"t.{quote_name(table.rowid_name)}"),)
    if not table.without_rowid:
        return ()
    names = [f"t.{quote_name(name)}" for name in table.primary_key]
    return tuple(
        Slot(
            None,
            StorageClass.TEXT,
            f"CASE typeof({n}) WHEN 'text' THEN {n} WHEN 'blob' THEN hex({n}) ELSE quote({n}) END",
        )
        for n in names
    )
