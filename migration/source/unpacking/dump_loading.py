"""Load a SQL dump into a SQLite file of our own: by SQLite, statement after statement, with no way out of that file."""

from __future__ import annotations

import errno
import os
import re
import resource
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from migration.convoy_error import NextStep, Place
from migration.errors import SourceError
from migration.full_disk import is_full
from migration.source.database_opening import file_uri, is_unmarked, open_database, trust_own_functions
from migration.source.unpacking.dump_permissions import DumpPermissions
from migration.source.unpacking.dump_rewriting import as_bytes, unistr, with_exact_reals, with_infinities
from migration.source.unpacking.dump_statements import DumpStatement, read_statements
from migration.source.unpacking.source_formats import foreign_dialect, foreign_dump
from migration.source_form_errors import SourceDumpError, UnfinishedDumpError
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from pathlib import Path

    from migration.source.unpacking.compressed_stream import ByteStream

_MISSING_FUNCTION: Final = re.compile(r"no such function: (.+)")
_MISSING_COLLATION: Final = re.compile(r"no such collation sequence: (.+)")
_MISSING_TABLE: Final = re.compile(r"no such table: (?:main\.)?(.+)")
_INDEX: Final = re.compile(rb"CREATE\s+(?:UNIQUE\s+)?INDEX\b", re.IGNORECASE)
_TRIGGER: Final = re.compile(rb"CREATE\s+TRIGGER\b", re.IGNORECASE)
_INFINITY: Final = re.compile(r"no such column: Inf", re.IGNORECASE)
_COMMAND_PASSED_OVER: Final = ".dbconfig defensive off"
_AGAIN: Final = (NextStep("Make the dump anew", "sqlite3 app.db .dump > app.sql"),)
_REMEDY: Final = "Make the dump anew with the newest sqlite3, or migrate the database file itself"


def load_dump(stream: ByteStream, database: Path, place: Place) -> None:
    """Make `database` from the statements of a dump; memory holds one of them at a time.

    Foreign keys and CHECKs are not enforced, for the database that was dumped had the rows. Collations and functions
    that only its application has are stood in for as in a snapshot; a value that would need one is refused.

    Raises:
        SourceTooLargeError: a statement is too long for the memory that this process may use.
        UnfinishedDumpError: it is cut off, empty, or says of itself that not all could be read.
        ForeignDumpError: a statement is MySQL's or PostgreSQL's.
        SourceDumpError: SQLite refuses a statement, or it asks for something outside of the file.
        OSError: the disk is full.
    """
    # No cache of statements: SQLite asks for permission only while it compiles one.
    uri = file_uri(database, "mode=rwc")
    with closing(open_database(uri, edits_schema=True, cached_statements=0)) as connection:
        # Whatever goes wrong, the file is thrown away, so that nothing is to be taken back or to survive a fall.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        for pragma in ("foreign_keys = OFF", "ignore_check_constraints = ON"):
            connection.execute(f"PRAGMA {pragma}")
        loading = _Loading(connection, place)
        loading.run(stream)


class _Loading:
    """One dump on its way into its file."""

    def __init__(self, connection: sqlite3.Connection, place: Place) -> None:
        self._connection = connection
        self._place = place
        self._permissions = DumpPermissions()
        self._running: DumpStatement | None = None
        self._wanted_function = ""
        self._deferred: list[DumpStatement] = []
        self._count = 0
        self._trusts = False
        if not _knows_unistr(connection):
            connection.create_function("unistr", 1, unistr, deterministic=True)

    def run(self, stream: ByteStream) -> None:
        most_bytes = self._connection.getlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.set_authorizer(self._permissions.answer)
        memory_bytes, _ = resource.getrlimit(resource.RLIMIT_DATA)  # as the confined process has it
        bounded = None if memory_bytes == resource.RLIM_INFINITY else memory_bytes
        for statement in read_statements(stream, most_bytes, self._place, memory_bytes=bounded):
            self._count += 1
            self._execute(statement)
        deferred, self._deferred = self._deferred, []
        for statement in deferred:
            self._execute(statement)
        for statement in self._deferred:
            raise self._refused(statement, "the table or view of a trigger is not in the dump")
        self._check_whole()
        self._connection.set_authorizer(None)
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(None, error) from error

    def _check_whole(self) -> None:
        if not self._count:
            raise self._unfinished("The dump holds no statement: whatever was to write it has failed")
        if self._permissions.is_open:
            raise self._unfinished(
                "The dump is cut off: it begins a transaction and has no COMMIT at its end"
            )

    def _pass_over(self, statement: DumpStatement) -> None:
        if folded(statement.beginning) != _COMMAND_PASSED_OVER:
            raise self._refused(statement, "it is a command for the shell")

    def _execute(self, statement: DumpStatement) -> None:
        if statement.is_command:
            self._pass_over(statement)
            return
        self._running = statement
        sql, reals = with_exact_reals(statement.sql)
        tried: set[str] | None = None
        while True:
            try:
                self._connection.execute(_as_text(sql), reals)
            except sqlite3.Error as error:
                message = str(error)
                if self._is_left_out(statement, message):
                    return
                if is_unmarked(error) and not self._trusts:
                    self._trust()
                    continue
                tried = tried or set()
                if message in tried or not self._can_be_met(message):
                    raise self._failed(statement, error) from error
                tried.add(message)
                if _INFINITY.match(message):
                    sql = with_infinities(sql)
            else:
                return

    def _can_be_met(self, message: str) -> bool:
        """Do what makes another try succeed, if there is something; False where the statement is refused for good."""
        if found := _MISSING_COLLATION.match(message):
            self._connection.create_collation(found[1], _compare_bytes)
            return True
        if found := _MISSING_FUNCTION.match(message):
            self._stand_in(found[1])
            return True
        return _INFINITY.match(message) is not None

    def _is_left_out(self, statement: DumpStatement, message: str) -> bool:
        """Tell whether a statement for a table that is not there loses nothing, or has to wait for it.

        Python's iterdump writes the rows of a virtual table twice, as its own and as those of the tables that it keeps
        them in; and D1 writes triggers before views. Positions of sequences are of use only with their tables.
        """
        found = _MISSING_TABLE.match(message)
        if found is None:
            return False
        if _TRIGGER.match(statement.sql):
            if statement not in self._deferred:
                self._deferred.append(statement)
            return True
        return found[1] == "sqlite_sequence" or self._is_virtual(found[1])

    def _is_virtual(self, name: str) -> bool:
        self._connection.set_authorizer(None)
        rows = self._connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = ? AND type = 'table' AND rootpage = 0", (name,)
        ).fetchall()
        self._connection.set_authorizer(self._permissions.answer)
        return bool(rows)

    def _stand_in(self, name: str) -> None:
        """Let a function be named that only the application has; what it would have computed is never made up.

        In an index it gives NULL, as it does where snapshots are checked: no row depends on that.
        """

        def stand_in(*_values: object) -> None:
            if self._running is None or not _INDEX.match(self._running.sql):
                self._wanted_function = name
                raise ValueError(name)

        self._connection.create_function(name, -1, stand_in, deterministic=True)
        self._trust()

    def _trust(self) -> None:
        self._trusts = True
        self._connection.set_authorizer(None)
        trust_own_functions(self._connection)
        self._connection.set_authorizer(self._permissions.answer)

    def _failed(self, statement: DumpStatement | None, error: sqlite3.Error) -> Exception:
        if is_full(error):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if statement is None:
            return SourceDumpError(
                f"SQLite cannot end the loading of the dump: {error}", remedy=_REMEDY, **self._place
            )
        if self._permissions.is_rolled_back:
            return self._unfinished(
                f"The dump says of itself that not all could be read: it ends with ROLLBACK in line {statement.line:,}"
            )
        kind = foreign_dialect(statement.sql)
        if kind is not None:
            return foreign_dump(kind, self._place)
        why = str(error)
        if self._permissions.refused:
            why = f"it asks for {self._permissions.refused}"
        elif self._wanted_function:
            why = f"only its application has the function {self._wanted_function}"
        return self._refused(statement, why)

    def _refused(self, statement: DumpStatement, why: str) -> SourceError:
        return SourceDumpError(
            f"Line {statement.line:,} of the dump cannot be loaded: {why}: {statement.beginning}",
            remedy=_REMEDY,
            next_steps=_AGAIN,
            **self._place,
        )

    def _unfinished(self, what: str) -> UnfinishedDumpError:
        return UnfinishedDumpError(
            what,
            remedy="Make the dump anew, and look at what that command says",
            next_steps=_AGAIN,
            **self._place,
        )


def _as_text(sql: bytes) -> str:
    if b"\0" not in sql:
        try:
            return sql.decode()
        except UnicodeDecodeError:
            pass
    return as_bytes(sql)


def _knows_unistr(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT unistr('')").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


def _compare_bytes(left: str, right: str) -> int:
    return (left > right) - (left < right)
