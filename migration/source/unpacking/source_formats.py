"""What a file is, by its first bytes and never by its name alone."""

from __future__ import annotations

import re
import shlex
from enum import Enum
from typing import Final

from migration.convoy_error import NextStep, Place
from migration.errors import NotADatabaseError
from migration.source.integrity_check import MAGIC, read_header
from migration.source_form_errors import ForeignDumpError, SourceDumpError, UnfinishedDumpError

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LEAD: Final = re.compile(rb"(?:\s++|--[^\n]*+(?:\n|\Z)|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z))*+")
"""Blanks and comments."""

_GZIP: Final = b"\x1f\x8b"  # https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1
_ZSTD: Final = re.compile(
    rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"
)  # RFC 8878: a frame, or one to be skipped
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_TAR_AT: Final = 257
_ARCHIVES: Final = (
    (b"PK\x03\x04", "zip", "unzip"),
    (b"BZh", "bzip2", "bunzip2 -k"),
    (b"\xfd7zXZ\x00", "xz", "unxz -k"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x"),
)
_FIRST_WORDS: Final = frozenset(
    b"PRAGMA BEGIN CREATE INSERT REPLACE DELETE DROP ALTER ANALYZE UPDATE SAVEPOINT COMMIT WITH".split()
)
_MYSQL: Final = re.compile(
    rb"-- (?:MySQL|MariaDB) dump|phpMyAdmin SQL Dump|SQL dump\s+#?.*MySQL|/\*M?!\d{5,6}", re.IGNORECASE
)
_POSTGRESQL: Final = re.compile(rb"PostgreSQL database (?:cluster )?dump", re.IGNORECASE)
_MYSQL_SQL: Final = re.compile(
    rb"SET\s+(?:NAMES|SQL_MODE|@|FOREIGN_KEY_CHECKS|time_zone|character_set)|LOCK\s+TABLES|UNLOCK\s+TABLES|USE\s+\S+;"
    rb"|CREATE\s+DATABASE|CREATE\s+TABLE[^;]*(?:\)\s*ENGINE\s*=|\sAUTO_INCREMENT\b)",
    re.IGNORECASE,
)
_POSTGRESQL_SQL: Final = re.compile(
    rb"SET\s+\w+\s*(?:=|TO)|SELECT\s+pg_catalog\.|COPY\s+\S+\s*(?:\([^)]*\)\s*)?FROM\s+stdin|\\(?:restrict|connect)"
    rb"|CREATE\s+(?:SCHEMA|SEQUENCE|TYPE|EXTENSION|(?:OR\s+REPLACE\s+)?FUNCTION|ROLE)\s"
    rb"|ALTER\s+\w+\s+(?:ONLY\s+)?\S+\s+OWNER\s+TO",
    re.IGNORECASE,
)


class SourceFormat(Enum):
    """The forms in which a database is read."""

    DATABASE = "SQLite database"
    DUMP = "SQL dump"
    GZIP = "gzip"
    ZSTD = "zstd"

    @property
    def is_compressed(self) -> bool:
        """Whether something else is inside."""
        return self in {SourceFormat.GZIP, SourceFormat.ZSTD}


def recognise(start: bytes, file_bytes: int, place: Place) -> SourceFormat:
    """Return what a file is, by its first bytes (up to `integrity_check.SAMPLE_BYTES`); an empty one is a database.

    Raises:
        UnfinishedDumpError: it is empty, and called a dump.
        ForeignDumpError: a dump of another kind of database.
        SourceDumpError: a dump in an encoding that may have changed its letters.
        NotADatabaseError, SourceCorruptError: anything else; see `read_header`.
    """
    if not start:
        if place.get("file", "").lower().endswith(".sql"):
            raise empty_dump(place)
        return SourceFormat.DATABASE
    found = look(start)
    if found is not None and found is not SourceFormat.DATABASE:
        return found
    if found is None:
        _refuse_others(start, place)
    read_header(start, file_bytes, place)
    return SourceFormat.DATABASE


def look(start: bytes) -> SourceFormat | None:
    """Return what a file seems to be, or None for what no database is read from."""
    if start.startswith(MAGIC):
        return SourceFormat.DATABASE
    if start.startswith(_GZIP):
        return SourceFormat.GZIP
    if _ZSTD.match(start):
        return SourceFormat.ZSTD
    return SourceFormat.DUMP if _is_sql(start) else None


def foreign_dialect(statement: bytes) -> str | None:
    """Return whose SQL a statement is, where it plainly is MySQL's or PostgreSQL's."""
    if _MYSQL_SQL.match(statement):
        return "MySQL"
    return "PostgreSQL" if _POSTGRESQL_SQL.match(statement) else None


def foreign_dump(kind: str, place: Place) -> ForeignDumpError:
    """Say that a dump is of another kind of database."""
    remedy = (
        "Load it into the target with psql or pg_restore, which need no migration"
        if kind == "PostgreSQL"
        else "Convoy reads SQLite databases only; pgloader and others read MySQL"
    )
    return ForeignDumpError(f"This is a dump of {kind}, and not of SQLite", remedy=remedy, **place)


def empty_dump(place: Place) -> UnfinishedDumpError:
    """Say that nothing is in a file that should hold a dump or a database."""
    return UnfinishedDumpError(
        "The file holds nothing: whatever was to write it has failed",
        remedy="Make it anew, and look at what that command says",
        **place,
    )


def _is_sql(start: bytes) -> bool:
    text = start.removeprefix(BYTE_ORDER_MARK)
    lead = LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    if b"\0" in text[:64] or _dump_of(text, rest) is not None:
        return False
    word = re.match(rb"[A-Za-z]++(?![\w:])", rest)
    if word is not None:
        return word[0].upper() in _FIRST_WORDS
    return rest.startswith(b".dbconfig ") or (not rest and b"--" in text)


def _dump_of(text: bytes, rest: bytes) -> str | None:
    """Return whose dump a text is by the comments before its first statement, and by that."""
    comments = text[: len(text) - len(rest)] if rest else text
    if _MYSQL.search(comments):
        return "MySQL"
    if _POSTGRESQL.search(comments):
        return "PostgreSQL"
    return foreign_dialect(rest)


def _refuse_others(start: bytes, place: Place) -> None:
    text = start.removeprefix(BYTE_ORDER_MARK)
    lead = LEAD.match(text)
    kind = (
        "PostgreSQL" if start.startswith(b"PGDMP") else _dump_of(text, text[lead.end() :] if lead else text)
    )
    if kind is not None:
        raise foreign_dump(kind, place)
    if start.startswith(_UTF16) and _is_sql(start[2:].replace(b"\0", b"")):
        raise SourceDumpError(
            "The dump is UTF-16, as PowerShell's > writes it, and letters beyond ASCII may have been changed",
            remedy="Let the shell write the file itself",
            next_steps=(NextStep("Make the dump anew", 'sqlite3 app.db ".output app.sql" .dump'),),
            **place,
        )
    for magic, kind, program in _ARCHIVES:
        if start.startswith(magic):
            raise _archive(kind, f"{program} {shlex.quote(place.get('file', 'FILE'))}", place)
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        raise _archive("tar", f"tar xf {shlex.quote(place.get('file', 'FILE'))}", place)


def _archive(kind: str, command: str, place: Place) -> NotADatabaseError:
    return NotADatabaseError(
        f"The file is a {kind} archive; only gzip and zstd are unpacked here",
        remedy="Unpack it, and name what is in it",
        next_steps=(NextStep("Unpack it", command),),
        **place,
    )
