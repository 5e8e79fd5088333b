"""What a SQLite database declares: tables, columns, keys, indexes and the rest, as frozen values.

They are encoded as JSON by `msgspec`, like those of `model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migration.mapping_file_model import ColumnOverride, TableOverride


class TableKind(StrEnum):
    """What an entry of sqlite_schema is to a migration."""

    ORDINARY = "table"  # migrates
    VIRTUAL = "virtual"  # an FTS, R-Tree or other module: its rows migrate where they stand nowhere else
    SHADOW = "shadow"  # storage of a virtual table: not migrated
    VIEW = "view"


class GeneratedKind(StrEnum):
    """Whether SQLite computes a column (PRAGMA table_xinfo, column `hidden`)."""

    NO = "no"
    VIRTUAL = "virtual"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as SQLite declares it.

    `position` counts from 0 in table_xinfo order; `pk_position` counts from 1 and is 0 outside the primary key.
    """

    name: str
    declared_type: str
    position: int
    not_null: bool = False
    default_sql: str | None = None
    pk_position: int = 0
    generated: GeneratedKind = GeneratedKind.NO
    generated_sql: str | None = None
    collation: str = "BINARY"
    comment: str = ""
    """What comments of the CREATE statement say of it (`schema_reading.ddl_comments`)."""
    override: ColumnOverride | None = None


@dataclass(frozen=True, slots=True)
class SourceIndexColumn:
    """One term of an index: a column name, or an expression (then `name` is None and `sql` holds it)."""

    name: str | None
    sql: str | None = None
    descending: bool = False
    collation: str = "BINARY"


@dataclass(frozen=True, slots=True)
class SourceIndex:
    """`origin` is SQLite's: c (CREATE INDEX), u (UNIQUE constraint), pk (PRIMARY KEY)."""

    name: str
    unique: bool
    origin: str
    columns: tuple[SourceIndexColumn, ...]
    where_sql: str | None = None
    sql: str | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SourceForeignKey:
    """`parent_columns` is empty where SQLite means the parent's primary key."""

    columns: tuple[str, ...]
    parent_table: str
    parent_columns: tuple[str, ...] = ()
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """A CHECK constraint; `name` is None where SQLite has none."""

    sql: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table as SQLite declares it."""

    name: str
    kind: TableKind
    columns: tuple[SourceColumn, ...]
    sql: str | None = None
    without_rowid: bool = False
    strict: bool = False
    autoincrement: bool = False
    rowid_name: str | None = None
    """A name under which SQL reaches the rowid (alias column, rowid, _rowid_, oid); None where all are shadowed."""
    rowid_alias: str | None = None
    """The INTEGER PRIMARY KEY column, if there is one."""
    autoincrement_seq: int | None = None
    """The largest rowid that AUTOINCREMENT has ever given out, as sqlite_sequence remembers it."""
    indexes: tuple[SourceIndex, ...] = ()
    foreign_keys: tuple[SourceForeignKey, ...] = ()
    checks: tuple[SourceCheck, ...] = ()
    comment: str = ""
    rows_sql: str | None = None
    """A SELECT that gives the rows with the names of `columns`; None: they are read from the table itself."""
    note: str = ""
    """What does not come along of a virtual table."""
    override: TableOverride | None = None
    applied: tuple[str, ...] = ()
    """Of a table in which a tool keeps book: which migrations it says were applied; empty unless somebody asks."""

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Column names of the declared primary key, in key order."""
        keyed = sorted((c for c in self.columns if c.pk_position), key=lambda c: c.pk_position)
        return tuple(c.name for c in keyed)


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An entry of sqlite_schema whose rows, if any, do not migrate: view, trigger, virtual or shadow table."""

    kind: str
    name: str
    sql: str | None = None
    reason: str = ""
    comment: str = ""
    """What comments say of a view."""


@dataclass(frozen=True, slots=True)
class SourceSchema:
    """All that a SQLite database declares."""

    tables: tuple[SourceTable, ...]
    objects: tuple[SourceObject, ...] = ()
    encoding: str = "UTF-8"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tables, views and other objects."""
        return (*(table.name for table in self.tables), *(item.name for item in self.objects))
