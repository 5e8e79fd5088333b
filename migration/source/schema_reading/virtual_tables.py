"""Virtual tables: those whose rows come along as a plain table, and why those of others do not.

A full-text table keeps its texts in a plain table beside it (https://www.sqlite.org/fts5.html#the_content_table,
https://www.sqlite.org/fts3.html#shadow_tables), and so does geopoly with its shapes. They are read there, without the
module, the application's tokenizer or its functions. An R-Tree keeps its coordinates in blobs: it is read through
SQLite's module. What holds no rows of its own, or is unknown, is left out with a reason.
"""

from __future__ import annotations

import re
import sqlite3
from itertools import count
from typing import TYPE_CHECKING, Final

from migration.source.create_virtual_table_parser import FULL_TEXT, R_TREES, read_create_virtual
from migration.source.sqlite_syntax import quote_name
from migration.source_schema import SourceColumn, SourceTable, TableKind
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from migration.source.create_virtual_table_parser import VirtualText

# SQLite knows the shadow tables only of modules that it has. These are the suffixes of well-known modules.
_SHADOW_SUFFIXES: Final = {
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "geopoly": ("node", "parent", "rowid"),
    "vec0": (
        "chunks",
        "rowids",
        "info",
        "auxiliary",
        "vector_chunks00",
        "metadatachunks00",
        "metadatatext00",
    ),
}
_WITHOUT_ROWS: Final = frozenset({"fts5vocab", "fts4aux", "fts3tokenize"})
_ROWID_NAMES: Final = ("rowid", "_rowid_", "oid")
_UNREADABLE: Final = "\ufffd"  # stands for bytes in a name that are not UTF-8; SQL cannot reach such a name
_NO_NAMES_IN_SUBQUERIES: Final = frozenset({"true", "false"})  # SQLite calls such columns column1, column2
_HIDDEN: Final = 1  # PRAGMA table_xinfo, column `hidden`
_NUMBERED: Final = re.compile(r"([cl])([0-9]+)")  # columns of an FTS5 content table: a text, its locale
_NOTE: Final = "the rows came along as a plain table; its {index} did not: see not_migrated.sql"


def shadow_owners(statements: Mapping[str, str]) -> dict[str, str]:
    """Return the shadow tables of well-known modules, in lower case, each with the virtual table that owns it.

    `statements` has the CREATE statements of virtual tables by name.
    """
    return {
        folded(f"{name}_{suffix}"): name
        for name, sql in statements.items()
        for suffix in _SHADOW_SUFFIXES.get(read_create_virtual(sql).module, ())
    }


def owner_of(shadow: str, virtuals: Iterable[str]) -> str | None:
    """Return the virtual table to which a shadow table belongs by its name."""
    fitting = [name for name in virtuals if folded(shadow).startswith(folded(f"{name}_"))]
    return max(fitting, key=len, default=None)


def read_virtual(
    connection: sqlite3.Connection, name: str, sql: str, storage: Sequence[str]
) -> SourceTable | str:
    """Return a virtual table as one whose rows can be read, or the reason why there are none to read.

    `connection` comes from `connect.open_snapshot`; a module that it lacks costs only the tables that need it.
    `storage` names the shadow tables.
    """
    text = read_create_virtual(sql)
    if text.module in FULL_TEXT:
        return _full_text(connection, name, sql, text)
    if text.module in R_TREES:
        return _r_tree(connection, name, sql)
    if text.module == "geopoly":
        return _geopoly(connection, name, sql, text)
    if text.module in _WITHOUT_ROWS:
        return f"a virtual table of the module {text.module}: it shows an index, and holds no rows of its own"
    left = f"; what it holds stays behind in {', '.join(storage)}" if storage else ""
    return f"a virtual table of the module {text.module}, which PostgreSQL does not have{left}"


def _full_text(connection: sqlite3.Connection, name: str, sql: str, text: VirtualText) -> SourceTable | str:
    keeps_unindexed = text.options.get("contentless_unindexed", "0") not in {"", "0"}
    if text.content == "" and not keeps_unindexed:
        return "a full-text index without content (content=''): the texts are where the application has them"
    if text.content:
        return _over(connection, text.content)
    storage = f"{name}_content"
    if text.options.get("compress"):
        return (
            f"its texts stand in {storage}, compressed by the application's function {text.options['compress']},"
            " which only the application has"
        )
    stored = _columns_of(connection, storage)
    names = _names_of_texts(stored[1:], text)
    if not stored or names is None:
        return f"its storage {storage} is not what the module {text.module} makes"
    if any(_UNREADABLE in column for column in stored):
        return f"the texts stand in {storage}; names of its columns are not valid UTF-8"
    note = _NOTE.format(index="full-text index")
    if text.content == "":
        note += " (of its indexed columns SQLite keeps no texts)"
    return _stored_table(name, sql, storage, dict(zip(stored, (None, *names), strict=True)), note)


def _over(connection: sqlite3.Connection, content: str) -> str:
    """Say where the rows of an external-content table are."""
    found = connection.execute(
        "SELECT type FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
        (content,),
    ).fetchone()
    if found is None:
        return f"a full-text index over {content}, which is not in this database; it holds no rows of its own"
    return f"a full-text index over the {found[0]} {content}, which holds the rows; it has none of its own"


def _names_of_texts(stored: Sequence[str], text: VirtualText) -> list[str] | None:
    """Return what the columns of `X_content` (after its key) are called in X; None where that is not to be known."""
    names: list[str] = []
    for position, column in enumerate(stored):
        numbered = _NUMBERED.fullmatch(column)
        if column == "langid" and "languageid" in text.options:
            names.append(text.options["languageid"])
        elif text.module != "fts5" and column.startswith(f"c{position}"):  # c12nd is the column 2nd
            names.append(column.removeprefix(f"c{position}"))
        elif text.module == "fts5" and numbered and int(numbered[2]) < len(text.columns):
            name = text.columns[int(numbered[2])]
            names.append(name if numbered[1] == "c" else f"{name}_locale")
        else:
            return None
    return names


def _geopoly(connection: sqlite3.Connection, name: str, sql: str, text: VirtualText) -> SourceTable | str:
    storage = f"{name}_rowid"
    stored = _columns_of(connection, storage)
    names = ("_shape", *text.columns)
    if stored != ["rowid", "nodeno", *(f"a{number}" for number in range(len(names)))]:
        return f"its storage {storage} is not what the module geopoly makes"
    del stored[1]
    note = _NOTE.format(index="index") + " (shapes are in the bytes of geopoly_blob())"
    return _stored_table(name, sql, storage, dict(zip(stored, (None, *names), strict=True)), note)


def _stored_table(name: str, sql: str, storage: str, names: dict[str, str | None], note: str) -> SourceTable:
    """Return a table that reads from its storage. `names`: what its columns are called; None for the rowid."""
    taken = [called for called in names.values() if called is not None]
    rowid = _free_name(taken)
    lowered = {folded(called) for called in taken}
    for column, called in names.items():
        if called is not None and folded(called) in _NO_NAMES_IN_SUBQUERIES:
            names[column] = next(
                longer for n in count(1) if folded(longer := called + "_" * n) not in lowered
            )
            note += f"; its column {called} became {names[column]}"
    terms = [f"{quote_name(column)} AS {quote_name(called or rowid)}" for column, called in names.items()]
    return SourceTable(
        name=name,
        kind=TableKind.VIRTUAL,
        columns=tuple(
            SourceColumn(
                called or rowid, "" if called else "INTEGER", position, pk_position=0 if called else 1
            )
            for position, called in enumerate(names.values())
        ),
        sql=sql,
        rowid_name=rowid,
        rowid_alias=rowid,
        rows_sql=f"SELECT {', '.join(terms)} FROM {quote_name(storage)} NOT INDEXED",
        note=note,
    )


def _free_name(taken: Iterable[str]) -> str:
    lowered = {folded(name) for name in taken}
    numbered = (f"rowid_{number}" for number in range(1, len(lowered) + 2))
    return next(name for name in (*_ROWID_NAMES, *numbered) if name not in lowered)


def _r_tree(connection: sqlite3.Connection, name: str, sql: str) -> SourceTable | str:
    try:
        listed = connection.execute(f"PRAGMA table_xinfo({quote_name(name)})").fetchall()
        connection.execute(f"SELECT count(*) FROM {quote_name(name)}").fetchone()  # looks at every node
    except sqlite3.Error as error:
        return f"its rows stand in {name}_node, and SQLite cannot read them here: {error}"
    columns = tuple(
        SourceColumn(
            name=column,
            declared_type="INTEGER" if position == 0 else declared_type,
            position=position,
            pk_position=1 if position == 0 else 0,
        )
        for position, column, declared_type, _, _, _, hidden in listed
        if hidden != _HIDDEN
    )
    if not columns or any(_UNREADABLE in column.name for column in columns):
        return f"its rows stand in {name}_node; names of its columns are not valid UTF-8"
    return SourceTable(
        name=name,
        kind=TableKind.VIRTUAL,
        columns=columns,
        sql=sql,
        rowid_name=columns[0].name,
        rowid_alias=columns[0].name,
        note=_NOTE.format(index="R-Tree index"),
    )


def _columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quote_name(table)})")]
