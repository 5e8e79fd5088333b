"""What the statements of a dump may do: write to the one file that they are loaded into, and nothing else.

SQLite asks before it compiles each statement (https://www.sqlite.org/c3ref/set_authorizer.html), so that no way of
writing one gets past.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from migration.sqlite_names import folded

_ALLOWED: Final = frozenset(
    {
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_ANALYZE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_VTABLE,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_REINDEX,
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_UPDATE,
    }
)
_MODULES: Final = frozenset({"fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly", "fts5vocab", "fts4aux"})
_BARRED_FUNCTIONS: Final = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
_PRAGMAS: Final = frozenset(
    {"application_id", "auto_vacuum", "encoding", "page_size", "user_version", "writable_schema"}
)
"""What belongs to the content. The others are about how a connection works, and are passed over."""
_WORDS: Final = {
    sqlite3.SQLITE_ATTACH: "another file (ATTACH)",
    sqlite3.SQLITE_DETACH: "another file (DETACH)",
    sqlite3.SQLITE_CREATE_VTABLE: "a module that may read other files",
    sqlite3.SQLITE_FUNCTION: "a function that reaches outside",
}


class DumpPermissions:
    """Answers SQLite for one dump, and notes what its transactions come to.

    All is loaded in one transaction of our own. What the dump says of transactions is noted, and not done.
    """

    def __init__(self) -> None:
        self.refused = ""
        """What was not allowed last, in words."""
        self.has_begun = False
        self.is_open = False
        """Whether a BEGIN waits for its COMMIT."""
        self.is_rolled_back = False
        self._savepoints = 0

    def answer(
        self, action: int, first: str | None, second: str | None, _database: str | None, _within: str | None
    ) -> int:
        """Allow, ignore or refuse one action of a statement; the callback of `set_authorizer`."""
        if action in {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}:
            return self._note_transaction(action, first or "")
        if action == sqlite3.SQLITE_PRAGMA:
            is_ours = folded(first or "") in _PRAGMAS
            return sqlite3.SQLITE_OK if is_ours else sqlite3.SQLITE_IGNORE
        if action == sqlite3.SQLITE_FUNCTION:
            is_allowed = folded(second or "") not in _BARRED_FUNCTIONS
        elif action == sqlite3.SQLITE_CREATE_VTABLE:
            is_allowed = folded(second or "") in _MODULES
        else:
            is_allowed = action in _ALLOWED
        if is_allowed:
            return sqlite3.SQLITE_OK
        self.refused = _WORDS.get(action, "something that is not kept in a database")
        return sqlite3.SQLITE_DENY

    def _note_transaction(self, action: int, operation: str) -> int:
        if operation == "ROLLBACK":
            self.is_rolled_back = True
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_TRANSACTION:
            self.is_open = operation == "BEGIN"
        else:
            self._savepoints += 1 if operation == "BEGIN" else -1
            self.is_open = self.is_open if self.has_begun else self._savepoints > 0
        if action == sqlite3.SQLITE_TRANSACTION:
            self.has_begun = True
        return sqlite3.SQLITE_IGNORE
