"""The one place that opens SQLite files, each as what a stranger may have made.

What a schema says is not trusted with anything that reaches outside of its file, SQLite believes no length that a page
states before it has looked, and no statement can bring another file in. https://www.sqlite.org/security.html
`arrow_opening.py` does the same for the Arrow driver, which has a SQLite of its own. The helper that holds a read mark
opens databases, too: it is a process of its own that reads no table.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from migration.source.reading_time_limit import note_connection

CAUTION: Final = (
    # Functions and virtual tables that reach outside (load_extension, fts3_tokenizer, dbstat) work in no definition.
    "PRAGMA trusted_schema = OFF",
    # A page is looked at before its cells are.
    "PRAGMA cell_size_check = ON",
    # A file that becomes shorter while it is mapped would end the process (SIGBUS).
    "PRAGMA mmap_size = 0",
)
_MARKS_JSON: Final = sqlite3.sqlite_version_info >= (3, 41)
"""Before, SQLite itself forgot to say of its JSON functions that they are harmless."""
_UNMARKED: Final = re.compile(r"unsafe use of (?:json\w*|->>?)\(")


def file_uri(path: Path, parameters: str) -> str:
    """Return a path as a SQLite URI: ``mode=ro&immutable=1`` and the like."""
    return f"file:{quote(str(path.absolute()))}?{parameters}"


def snapshot_uri(path: Path) -> str:
    """Return the SQLite URI under which nothing can write to the file: no lock, no journal, no shared memory."""
    return file_uri(path, "mode=ro&immutable=1")


def open_database(
    uri: str,
    *,
    attached: int = 0,
    edits_schema: bool = False,
    timeout_seconds: float = 5.0,
    cached_statements: int = 128,
) -> sqlite3.Connection:
    """Open a SQLite file; the caller closes it. No transaction is begun unasked.

    Args:
        uri: as `file_uri` gives it.
        attached: how many other files may be attached.
        edits_schema: whether `sqlite_schema` is written to by hand.
        timeout_seconds: how long others may hold a lock.
        cached_statements: how many statements are kept compiled.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=timeout_seconds,
        cached_statements=cached_statements,
        isolation_level=None,
        factory=sqlite3.Connection if _MARKS_JSON else _TrustsJson,
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, attached)
        connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, not edits_schema)
        for pragma in CAUTION:
            connection.execute(pragma).close()
    except BaseException:
        connection.close()
        raise
    note_connection(connection)
    return connection


class _TrustsJson(sqlite3.Connection):
    """Of a SQLite that does not mark its JSON functions: trusts a schema once it is seen to call them.

    What else it then trusts is as harmless: of functions and tables that reach outside, no SQLite does.
    https://www.sqlite.org/c3ref/c_deterministic.html#sqlitedirectonly
    """

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement, a second time where only that mark was missing: SQLite says so before it begins."""
        try:
            return super().execute(sql, parameters)
        except sqlite3.DatabaseError as error:
            if not is_unmarked(error):
                raise
            trust_own_functions(self)
            return super().execute(sql, parameters)


def is_unmarked(error: sqlite3.Error) -> bool:
    """Return whether SQLite distrusts a function that is harmless, and that only an old one does not mark so."""
    return not _MARKS_JSON and _UNMARKED.search(str(error)) is not None


def trust_own_functions(connection: sqlite3.Connection) -> None:
    """Let definitions call the functions that this program has given to a connection: stand-ins of the application's.

    SQLite trusts a schema with all functions of a program or with none. What else is there then cannot do harm here:
    extensions cannot be loaded, and tokenizers cannot be registered.
    """
    connection.execute("PRAGMA trusted_schema = ON").close()
