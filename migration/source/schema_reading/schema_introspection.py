"""Describe what a snapshot declares: tables with columns, keys, indexes and constraints, and everything else by name.

PRAGMAs say most of it (https://www.sqlite.org/pragma.html); the rest is read from the stored CREATE statements.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.errors import SourceCorruptError
from migration.source.create_table_parser import TableText, read_create_index, read_create_table
from migration.source.schema_reading.ddl_comments import read_comments, with_comments
from migration.source.schema_reading.generated_column_check import why_not_generated
from migration.source.schema_reading.virtual_tables import owner_of, read_virtual, shadow_owners
from migration.source.snapshot_connection import open_snapshot
from migration.source.sqlite_syntax import quote_name
from migration.source.unknown_syntax import original
from migration.source_schema import (
    GeneratedKind,
    SourceColumn,
    SourceForeignKey,
    SourceIndex,
    SourceIndexColumn,
    SourceObject,
    SourceSchema,
    SourceTable,
    TableKind,
)
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_GENERATED = {2: GeneratedKind.VIRTUAL, 3: GeneratedKind.STORED}  # PRAGMA table_xinfo, column `hidden`
_OWN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})  # https://www.sqlite.org/datatype3.html#collation
_EXPRESSION = -2  # PRAGMA index_xinfo, column `cid`
_UNREADABLE = "\ufffd"  # stands for bytes in a name that are not UTF-8; SQL cannot reach such a name


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row of sqlite_schema. SQLite reads its text up to the first NUL; what stands behind is gone here."""

    kind: str
    name: str
    table: str
    sql: str | None
    not_understood: str = ""
    """Why SQLite does not know what the text says; `sql` is all that there is then."""

    @classmethod
    def read(cls, kind: str, name: str, table: str, sql: str | None) -> _Entry:
        text, why = original(sql) or (sql, "")
        return cls(kind, name, table, text if text is None else str(text).partition("\0")[0], why)


def read_schema(snapshot: Path) -> SourceSchema:
    """Read the whole schema of a snapshot. Tables stand in the order in which they were created.

    Missing modules, collations and functions cost only what needs them. Tables of SQLite itself (sqlite_*) are left
    out. A virtual generated column whose expression this SQLite cannot compute is listed among the objects.

    Raises:
        SourceCorruptError: the schema cannot be read.
    """
    try:
        with open_snapshot(snapshot) as connection:
            return _read(connection, snapshot)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise SourceCorruptError(f"The schema cannot be read: {error}", file=str(snapshot)) from error


def _read(connection: sqlite3.Connection, snapshot: Path) -> SourceSchema:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")
    entries = [_Entry.read(*row) for row in rows if not folded(str(row[1])).startswith("sqlite_")]
    kinds = _table_kinds(connection, entries)
    owners = _owners(kinds)
    tables: list[SourceTable] = []
    objects: list[SourceObject] = []
    for entry in entries:
        reason = "the name is not valid UTF-8" if _UNREADABLE in entry.name else ""
        if entry.not_understood and entry.kind in {"table", "index"}:
            objects.append(SourceObject(entry.kind, entry.name, entry.sql, entry.not_understood))
        elif entry.kind == "table" and kinds[entry.name] is TableKind.ORDINARY and not reason:
            table, unreadable = _read_table(connection, snapshot, entry)
            tables.append(with_comments(table))
            objects.extend(unreadable)
        elif entry.kind == "table":
            kind = kinds[entry.name]
            found = reason or _read_other(connection, entry, owners)
            if isinstance(found, SourceTable):
                tables.append(with_comments(found))
            else:
                objects.append(SourceObject(kind.value, entry.name, entry.sql, found))
        elif entry.kind in {"view", "trigger"}:
            comment = read_comments(entry.sql or "") if entry.kind == "view" else ""
            objects.append(SourceObject(entry.kind, entry.name, entry.sql, reason, comment))
    (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    return SourceSchema(tuple(tables), tuple(objects), encoding)


def _table_kinds(connection: sqlite3.Connection, entries: Sequence[_Entry]) -> dict[str, TableKind]:
    listed = {
        name: kind for schema, name, kind, *_ in connection.execute("PRAGMA table_list") if schema == "main"
    }
    shadows = shadow_owners({e.name: e.sql or "" for e in entries if listed.get(e.name) == "virtual"})
    kinds: dict[str, TableKind] = {}
    for entry in entries:
        if listed.get(entry.name) == "virtual":
            kinds[entry.name] = TableKind.VIRTUAL
        elif listed.get(entry.name) == "shadow" or folded(entry.name) in shadows:
            kinds[entry.name] = TableKind.SHADOW
        else:
            kinds[entry.name] = TableKind.ORDINARY
    return kinds


def _owners(kinds: Mapping[str, TableKind]) -> dict[str, str | None]:
    """Return the shadow tables, each with its virtual table."""
    virtuals = [name for name, kind in kinds.items() if kind is TableKind.VIRTUAL]
    return {name: owner_of(name, virtuals) for name, kind in kinds.items() if kind is TableKind.SHADOW}


def _read_other(
    connection: sqlite3.Connection, entry: _Entry, owners: Mapping[str, str | None]
) -> SourceTable | str:
    """Return a virtual table whose rows can be read, or why a virtual or shadow table is left out."""
    if entry.name in owners:
        return f"internal storage of the virtual table {owners[entry.name] or ''}".rstrip()
    storage = [name for name, owner in owners.items() if owner == entry.name]
    return read_virtual(connection, entry.name, entry.sql or "", storage)


def _read_table(
    connection: sqlite3.Connection, snapshot: Path, entry: _Entry
) -> tuple[SourceTable, list[SourceObject]]:
    """Return a table, and the columns of it that nobody can read."""
    text = read_create_table(entry.sql or "")
    columns, unreadable = _columns(connection, snapshot, entry, text)
    indexes = _indexes(connection, entry.name)
    (without_rowid, strict) = connection.execute(
        "SELECT wr, strict FROM pragma_table_list(?) WHERE schema = 'main'", (entry.name,)
    ).fetchone()
    alias = None if without_rowid else _rowid_alias(columns, indexes)
    table = SourceTable(
        name=entry.name,
        kind=TableKind.ORDINARY,
        columns=columns,
        sql=entry.sql,
        without_rowid=bool(without_rowid),
        strict=bool(strict),
        autoincrement=text.autoincrement and alias is not None,
        rowid_name=None if without_rowid else alias or _rowid_name(connection, entry.name),
        rowid_alias=alias,
        autoincrement_seq=_autoincrement_seq(connection, entry.name) if text.autoincrement else None,
        indexes=indexes,
        foreign_keys=_foreign_keys(connection, entry.name, text),
        checks=tuple(text.checks),
    )
    return table, unreadable


def _columns(
    connection: sqlite3.Connection, snapshot: Path, entry: _Entry, text: TableText
) -> tuple[tuple[SourceColumn, ...], list[SourceObject]]:
    rows = connection.execute(f"PRAGMA table_xinfo({quote_name(entry.name)})").fetchall()
    by_name = {folded(column.name): column for column in text.columns}
    columns: list[SourceColumn] = []
    unreadable: list[SourceObject] = []
    for position, name, declared_type, not_null, default_sql, pk_position, hidden in rows:
        written = by_name.get(folded(name))
        generated = _GENERATED.get(hidden, GeneratedKind.NO)
        column = SourceColumn(
            name=name,
            declared_type=declared_type,
            position=position,
            not_null=bool(not_null),
            default_sql=default_sql,
            pk_position=pk_position,
            generated=generated,
            generated_sql=written.generated_sql if written and generated is not GeneratedKind.NO else None,
            collation=_canonical_collation(written.collation if written else "BINARY"),
        )
        problem = _why_unreadable(connection, snapshot, entry.name, column)
        if problem:
            unreadable.append(SourceObject("column", f"{entry.name}.{name}", column.generated_sql, problem))
        else:
            columns.append(column)
    return tuple(columns), unreadable


def _canonical_collation(name: str) -> str:
    """Return the names of SQLite's own collations in upper case, others as they are written."""
    return name.upper() if name.upper() in _OWN_COLLATIONS else name


def _why_unreadable(connection: sqlite3.Connection, snapshot: Path, table: str, column: SourceColumn) -> str:
    if _UNREADABLE in column.name:
        return "the name is not valid UTF-8"
    return why_not_generated(connection, snapshot, table, column)


def _rowid_alias(columns: Sequence[SourceColumn], indexes: Sequence[SourceIndex]) -> str | None:
    """Return the INTEGER PRIMARY KEY. A key that is not the rowid (`INT`, `INTEGER ... DESC`) has an index of its own.

    https://www.sqlite.org/lang_createtable.html#rowids_and_the_integer_primary_key
    """
    keyed = [column for column in columns if column.pk_position]
    if len(keyed) != 1 or keyed[0].declared_type.upper() != "INTEGER":
        return None
    return None if any(index.origin == "pk" for index in indexes) else keyed[0].name


def _rowid_name(connection: sqlite3.Connection, table: str) -> str | None:
    taken = {folded(str(row[1])) for row in connection.execute(f"PRAGMA table_xinfo({quote_name(table)})")}
    return next((name for name in _ROWID_NAMES if name not in taken), None)


def _autoincrement_seq(connection: sqlite3.Connection, table: str) -> int | None:
    # A table like any other: applications reset it, and some write odd values into it.
    query = "SELECT max(seq) FROM sqlite_sequence WHERE name = ? COLLATE NOCASE AND typeof(seq) = 'integer'"
    try:
        (largest,) = connection.execute(query, (table,)).fetchone()
    except sqlite3.OperationalError:
        return None  # the table appears with the first AUTOINCREMENT, unless somebody edited the schema
    return int(largest) if largest is not None else None


def _indexes(connection: sqlite3.Connection, table: str) -> tuple[SourceIndex, ...]:
    rows = connection.execute(
        'SELECT l.name, l."unique", l.origin, s.sql FROM pragma_index_list(?) AS l'
        " LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name ORDER BY l.seq DESC",
        (table,),
    ).fetchall()
    found: list[SourceIndex] = []
    for name, unique, origin, written in rows:
        if original(written) is not None:
            continue
        sql = written if written is None else str(written).partition("\0")[0]
        text = read_create_index(sql or "")
        terms = connection.execute(
            'SELECT seqno, cid, name, "desc", coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno',
            (name,),
        )
        columns = tuple(
            SourceIndexColumn(
                name=None if cid == _EXPRESSION else column,
                sql=text.terms[seqno] if cid == _EXPRESSION and seqno < len(text.terms) else None,
                descending=bool(descending),
                collation=_canonical_collation(collation or "BINARY"),
            )
            for seqno, cid, column, descending, collation in terms
        )
        comment = read_comments(sql or "")
        found.append(SourceIndex(name, bool(unique), origin, columns, text.where_sql, sql, comment))
    return tuple(found)


def _foreign_keys(
    connection: sqlite3.Connection, table: str, text: TableText
) -> tuple[SourceForeignKey, ...]:
    """Return the foreign keys in order of the text; the PRAGMA numbers them the other way round."""
    rows = connection.execute(
        'SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq',
        (table,),
    ).fetchall()
    keys: list[SourceForeignKey] = []
    for position, number in enumerate(dict.fromkeys(row[0] for row in rows)):
        parts = [row for row in rows if row[0] == number]
        parents = tuple(row[3] for row in parts)
        keys.append(
            SourceForeignKey(
                columns=tuple(row[2] for row in parts),
                parent_table=parts[0][1],
                parent_columns=() if None in parents else parents,
                on_delete=parts[0][5],
                on_update=parts[0][4],
                deferrable=position < len(text.deferrable) and text.deferrable[position],
            )
        )
    return tuple(keys)
