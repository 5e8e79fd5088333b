"""Definitions in words that are newer than this SQLite: they must not hide the rest of a database.

SQLite parses every definition when it opens a file, so one view with a word that it does not know makes all tables
unreadable. In the private copy each such definition gives way to a stand-in that any SQLite understands and that keeps
the b-trees of tables and indexes in their places; it carries the text that it stands for.
https://www.sqlite.org/schematab.html
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from migration.source.database_opening import file_uri, open_database
from migration.source.sqlite_syntax import quote_name

if TYPE_CHECKING:
    from pathlib import Path

_MOST: Final = 1_000
_MALFORMED = re.compile(r"malformed database schema \((.*?)\) - (.*)$", re.DOTALL)
# What a newer or older grammar looks like to a parser. Other messages speak of pages and names: of damage.
_NOT_UNDERSTOOD = re.compile(
    r"syntax error$|^unrecognized token: |^unknown table option: |^no such column: |^incomplete input$|^too many |"
    r"^parser stack overflow|^Expression tree is too large"
)
_DEFINITION = re.compile(
    r"\s*CREATE\s+(TEMP\s+|TEMPORARY\s+)?(TABLE|VIEW|TRIGGER|(UNIQUE\s+)?INDEX)\b", re.IGNORECASE
)
_WITHOUT_ROWID = re.compile(r"\bWITHOUT\s+ROWID\b", re.IGNORECASE)
_MARK = re.compile(r"/\*convoy ([0-9a-f]*) ([0-9a-f]*)\*/$")


def set_unknown_aside(copy: Path) -> None:
    """Put stand-ins in the place of definitions that this SQLite does not understand, in a private copy.

    What looks like damage is left as it is, for the check that follows.
    """
    for _ in range(_MOST):
        problem = _first_problem(copy)
        if problem is None or not _stand_in(copy, *problem):
            return


def original(sql: str | None) -> tuple[str, str] | None:
    """Return the text that a stand-in stands for, and why; None for any other definition."""
    found = _MARK.search(sql or "")
    if found is None:
        return None
    text, reason = (bytes.fromhex(part).decode() for part in found.groups())
    return (
        text,
        f"SQLite {sqlite3.sqlite_version}, which reads the source here, does not understand it: {reason}",
    )


def _first_problem(copy: Path) -> tuple[str, str] | None:
    """Return the name of the first entry that SQLite does not understand, and its words."""
    with closing(open_database(file_uri(copy, "mode=rw"))) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            found = _MALFORMED.search(str(error))
            if found is not None and _NOT_UNDERSTOOD.search(found[2]):
                return found[1], found[2]
    return None


def _stand_in(copy: Path, name: str, reason: str) -> bool:
    """Replace one definition; False where it cannot be, or looks damaged."""
    with closing(open_database(file_uri(copy, "mode=rw"), edits_schema=True)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        with suppress(sqlite3.Error, UnicodeDecodeError):  # said once; then what makes sense is there
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        try:
            rows = connection.execute(
                "SELECT rowid, type, tbl_name, sql FROM sqlite_schema WHERE name = ?", (name,)
            ).fetchall()
            (keys,) = connection.execute(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NULL AND tbl_name = ?",
                (name,),
            ).fetchone()
            if len(rows) != 1:
                return False
            rowid, kind, table, sql = rows[0]
            text = _definition(connection, kind, name, table, sql, keys)
            if text is None:
                return False
            mark = f"/*convoy {sql.encode().hex()} {reason.encode().hex()}*/"
            connection.execute("UPDATE sqlite_schema SET sql = ? WHERE rowid = ?", (f"{text} {mark}", rowid))
        except (sqlite3.Error, UnicodeDecodeError, TypeError):  # TypeError: a table that is not there either
            return False
    return True


def _definition(
    connection: sqlite3.Connection, kind: str, name: str, table: str, sql: object, keys: int
) -> str | None:
    """Return a definition that any SQLite understands, for an entry whose text is one and not damaged."""
    if not isinstance(sql, str) or not _is_a_definition(sql):
        return None
    if kind == "view":
        return f"CREATE VIEW {quote_name(name)} AS SELECT NULL"
    if kind == "trigger":
        return f"CREATE TRIGGER {quote_name(name)} AFTER INSERT ON {quote_name(table)} BEGIN SELECT NULL; END"
    if kind == "table" and not _WITHOUT_ROWID.search(sql):
        # Each UNIQUE has an index of its own, which must have a place.
        columns = [f"c{number} UNIQUE" for number in range(keys)] or ["c0"]
        return f"CREATE TABLE {quote_name(name)} ({', '.join(columns)})"
    if kind == "index":
        (first,) = connection.execute("SELECT name FROM pragma_table_info(?) LIMIT 1", (table,)).fetchone()
        return f"CREATE INDEX {quote_name(name)} ON {quote_name(table)} ({quote_name(first)})"
    return None


def _is_a_definition(sql: str) -> bool:
    """Tell whether a text is a definition in words, if only in new ones, and not what damage has left of one."""
    clean = all(character.isprintable() or character.isspace() for character in sql)
    return clean and _DEFINITION.match(sql) is not None and _MARK.search(sql) is None
