"""Find damage before anything is created: header, length, and SQLite's own quick_check, table by table.

https://www.sqlite.org/fileformat2.html#the_database_header and https://www.sqlite.org/pragma.html#pragma_quick_check
"""

from __future__ import annotations

import math
import os
import re
import shlex
import sqlite3
import threading
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from migration.convoy_error import NextStep, Place
from migration.errors import NotADatabaseError, SourceCorruptError, SourceEncryptedError
from migration.name_lists import some
from migration.source.database_opening import open_database, snapshot_uri, trust_own_functions
from migration.source.reading_time_limit import is_interruption
from migration.source.snapshot_connection import register_missing_collations
from migration.source.sqlite_syntax import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
_WAL_FORMAT = 2  # the file format version that says WAL, as writer (byte 18) or as reader (byte 19)
SAMPLE_BYTES = 4096  # enough of a file to tell random bytes from any document
_RANDOM_BITS = (
    7.5  # bits per byte; a 4 KiB sample of random bytes has about 7.95, text and programs below 6.5
)
_SECTOR_BYTES = 512  # every page size is a multiple of it, encrypted or not
_MAX_PADDING = 64  # times the length of a file: a page count beyond that is itself damaged
_LAST_WORD_SECONDS = 2.0
_LEAST_BYTES_PER_SECOND = 20 << 20  # of a check, on a busy machine
_SHOWN_MESSAGES = 3
_MAX_MESSAGES = 100_000  # forbidden values count too, and must not crowd out damage

# quick_check also reports values that a constraint forbids. They can be read, the profile counts them, and they are
# no damage; neither is the order of keys under a collation that only the application has.
_VALUE_MESSAGE = re.compile(r"^(NULL value in |CHECK constraint failed in |(non-)?[A-Z]+ value in )")
_ORDER_MESSAGE = re.compile(r"^row not in PRIMARY KEY order for ")
_MISSING_FUNCTION = re.compile(r"(?:unknown function|no such function): ([^()]+)")
_RECOVERY = "sqlite3 {} .recover | sqlite3 recovered.db && test -s recovered.db"
_REMEDY = (
    "Restore a backup, take what can still be read with --salvage, or recover it with "
    f"`{_RECOVERY.format('damaged.db')}` and migrate that file"
)
_DECRYPT = (NextStep("Write a plain copy, in SQLCipher's own shell", "SELECT sqlcipher_export('plain')"),)


@dataclass(frozen=True, slots=True)
class Header:
    """The parts of a database header that matter here. `pages` is None where the field is not to be trusted."""

    page_bytes: int
    uses_wal: bool
    pages: int | None


def _recover(place: Place) -> tuple[NextStep, ...]:
    file = shlex.quote(place.get("file", "damaged.db"))
    return (NextStep("Recover what can be read into another file, and migrate that", _RECOVERY.format(file)),)


def _salvage(place: Place) -> tuple[NextStep, ...]:
    """Return what helps where the header is whole; some systems' sqlite3 recovers nothing, and ends with status 0."""
    file = shlex.quote(place.get("file", "damaged.db"))
    step = NextStep(
        "Take what can be read, and list the rest", f"migration-cli migrate --source {file} --salvage"
    )
    return (step, *_recover(place))


def read_header(start: bytes, file_bytes: int, place: Place) -> Header:
    """Judge a file by its first bytes (up to `SAMPLE_BYTES`).

    Raises:
        NotADatabaseError: no SQLite header: another kind of file, or encrypted.
        SourceCorruptError: it begins like a database and ends inside the header.
    """
    if not start.startswith(MAGIC):
        if MAGIC.startswith(start):
            raise SourceCorruptError(
                f"The file is cut off after {file_bytes} bytes",
                remedy=_REMEDY,
                next_steps=_recover(place),
                **place,
            )
        if file_bytes % _SECTOR_BYTES == 0 and _bits_per_byte(start) > _RANDOM_BITS:
            raise SourceEncryptedError(
                "The file is not a SQLite database, or it is encrypted",
                remedy="Decrypt it with the application's key first (SQLCipher: `SELECT sqlcipher_export('plain')`)",
                next_steps=_DECRYPT,
                **place,
            )
        raise NotADatabaseError(
            "The file is not a SQLite database", remedy="Check the path given as --source", **place
        )
    if len(start) < HEADER_BYTES:
        raise SourceCorruptError(
            f"The file is cut off after {file_bytes} bytes",
            remedy=_REMEDY,
            next_steps=_recover(place),
            **place,
        )
    page_bytes = int.from_bytes(start[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    if page_bytes < _SECTOR_BYTES or page_bytes & (page_bytes - 1):
        raise SourceCorruptError(
            f"The header names a page size of {page_bytes} bytes: it is damaged or encrypted",
            remedy=_REMEDY,
            next_steps=_recover(place),
            **place,
        )
    # The page count holds only where the last writer was new enough to keep it (section 1.3.7 of the file format).
    counted = start[24:28] == start[92:96]
    return Header(
        page_bytes, _WAL_FORMAT in start[18:20], int.from_bytes(start[28:32], "big") if counted else None
    )


def _bits_per_byte(sample: bytes) -> float:
    total = len(sample)
    return -sum(n / total * math.log2(n / total) for n in Counter(sample).values()) if total else 0.0


def check_database(path: Path, place: Place) -> None:
    """Check a private copy that has no journal left; `place` is what the user calls the source.

    A copy that fails the check may be changed by it, and is of no further use.

    Raises:
        NotADatabaseError: see `read_header`.
        SourceCorruptError: it is cut off, or SQLite finds damage; names the tables that are hurt.
    """
    file_bytes = path.stat().st_size
    if file_bytes == 0:
        return  # SQLite's own definition of an empty database
    with path.open("rb") as file:
        header = read_header(file.read(SAMPLE_BYTES), file_bytes, place)
    whole_bytes = (header.pages or 0) * header.page_bytes
    if whole_bytes > file_bytes:
        if whole_bytes < file_bytes * _MAX_PADDING:
            os.truncate(
                path, whole_bytes
            )  # SQLite opens no file that is too short, not even to say what is missing
        raise SourceCorruptError(
            f"The file is cut off: {file_bytes} bytes of {whole_bytes}{_hurt_suffix(path)}",
            remedy=_REMEDY,
            next_steps=_salvage(place),
            **place,
        )
    problems = list(islice(_problems(path, None), _SHOWN_MESSAGES))
    if problems:
        shown = "; ".join(problems)
        raise SourceCorruptError(
            f"The database is damaged{_hurt_suffix(path)}: {shown}",
            remedy=_REMEDY,
            next_steps=_salvage(place),
            **place,
        )


def hurt_tables(path: Path) -> list[str]:
    """Return the names of the tables that fail their own check, or cannot be read to the end."""
    try:
        with closing(_connect(path, lenient=True)) as connection:
            rows = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
            ).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return []
    names = [name for (name,) in rows]
    return [name for name in names if any(True for _ in _problems(path, name))]


def _hurt_suffix(path: Path) -> str:
    names = hurt_tables(path)
    return f" in {'table' if len(names) == 1 else 'tables'} {some(names)}" if names else ""


def _problems(path: Path, table: str | None) -> Iterator[str]:
    """Yield what quick_check finds in one table, or in the whole file.

    Rows behind damage may have no end. So once something is found, and for tables of a file that is known to be
    damaged, what is left to be said is said in a time of its own.
    """
    found = 0
    seconds = _LAST_WORD_SECONDS + path.stat().st_size / _LEAST_BYTES_PER_SECOND
    try:
        with (
            closing(_connect(path, lenient=table is not None)) as connection,
            _later(seconds, connection.interrupt) as last_word,
        ):
            if table is not None:
                last_word.start()
            for message in _damage(connection, table):
                if table is None and not found:
                    last_word.start()
                found += 1
                yield message
            if table is not None:
                connection.execute(f"SELECT count(*) FROM {quote_name(table)} NOT INDEXED").fetchone()
    except UnicodeDecodeError:
        yield "its schema or an error message of SQLite is not text"
    except sqlite3.Error as error:
        if not is_interruption(error):
            yield from _unchecked(path, table, error)
        elif table is not None:
            yield "its rows have no end"
        elif not found:
            raise


def _unchecked(path: Path, table: str | None, error: sqlite3.Error) -> Iterator[str]:
    """Yield what is known where the check itself fails."""
    if "no such module" not in str(error):
        yield str(error)
    elif table is None:  # newer SQLite asks virtual tables too: leave them out
        for name in hurt_tables(path):
            yield f"table {name} fails its own check"


def _damage(connection: sqlite3.Connection, table: str | None) -> Iterator[str]:
    """Yield what is damage of the messages of quick_check."""
    stand_ins = register_missing_collations(connection)
    connection.execute("PRAGMA ignore_check_constraints = ON")  # they may call the application's functions

    def is_damage(message: str) -> bool:
        if message == "ok" or _VALUE_MESSAGE.match(message):
            return False
        return not (stand_ins and _ORDER_MESSAGE.match(message))

    first: list[str] = []
    if table is None:
        # SQLite looks at the pages first, and then at rows, which on damaged pages may have no end. Python's sqlite3
        # steps on before it gives a row away, so the first message has to be the last one to be had.
        first = list(_messages(connection, "PRAGMA quick_check(1)"))
        if first == ["ok"]:
            return
        yield from (_in_a_line(message) for message in first if is_damage(message))
    argument = str(_MAX_MESSAGES) if table is None else quote_name(table)
    for message in _messages(connection, f"PRAGMA quick_check({argument})"):
        if message not in first and is_damage(message):
            yield _in_a_line(message)


def _in_a_line(message: str) -> str:
    return " ".join(message.split())


@contextmanager
def _later(seconds: float, call: Callable[[], None]) -> Iterator[threading.Timer]:
    """Yield a timer that is not started; it is cancelled on leaving."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    try:
        yield timer
    finally:
        timer.cancel()


def _connect(path: Path, *, lenient: bool = False) -> sqlite3.Connection:
    """Open the file; `lenient`: entries of the schema that make no sense do not hide the others."""
    connection = open_database(snapshot_uri(path), edits_schema=lenient)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    if lenient:
        connection.execute("PRAGMA writable_schema = ON")
        with suppress(sqlite3.Error, UnicodeDecodeError):
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return connection


def _messages(connection: sqlite3.Connection, statement: str) -> Iterator[str]:
    """Run a check, standing in for the application's own SQL functions as SQLite asks for them."""
    stood_in: set[str] = set()
    given = 0
    while True:
        try:
            for number, (message,) in enumerate(connection.execute(statement)):
                if number >= given:
                    given += 1
                    yield message
        except sqlite3.OperationalError as error:
            missing = _MISSING_FUNCTION.search(str(error))
            if missing is None or missing.group(1) in stood_in:
                raise
            stood_in.add(missing.group(1))
            connection.create_function(missing.group(1), -1, lambda *_: None, deterministic=True)
            trust_own_functions(connection)
        else:
            return
