"""A dump taken apart into its statements, as a stream: memory holds one of them at a time.

Where a statement ends is SQLite's own rule: at a semicolon outside of strings, names and comments, and for triggers at
one behind END. https://www.sqlite.org/c3ref/complete.html
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from migration.convoy_error import Place
from migration.source.unpacking.compressed_stream import ByteStream
from migration.source.unpacking.source_formats import BYTE_ORDER_MARK, LEAD
from migration.source_form_errors import SourceTooLargeError, UnfinishedDumpError

_READ_BYTES: Final = 1 << 20
_SHOWN_BYTES: Final = 80
_COPIES: Final = 8
"""Of a statement at once, at the most: as it is read, as text, as SQLite compiles it, its value; and room to spare."""
# Possessive throughout: no way of matching is tried twice, however long a value is.
_TO_SEMICOLON: Final = re.compile(
    rb"""(?:[^'"`\[;/\-]++|'[^']*+'|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]"""
    rb"""|-(?!-)|--[^\n]*+\n|/(?!\*)|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)*+;"""
)
_BODIED: Final = re.compile(rb"(?:CREATE|EXPLAIN)\b", re.IGNORECASE)
_COMMAND: Final = re.compile(rb"\.[^\n]*+\n")


@dataclass(frozen=True, slots=True)
class DumpStatement:
    """One statement, or one command of the shell, without what stands before it. `line` counts from 1."""

    sql: bytes
    line: int

    @property
    def is_command(self) -> bool:
        """Whether it is for the shell, and not for SQLite."""
        return self.sql.startswith(b".")

    @property
    def beginning(self) -> str:
        """The first words of it, for a message."""
        words = b" ".join(self.sql[: _SHOWN_BYTES * 4].split())
        return words[:_SHOWN_BYTES].decode(errors="replace") + ("…" if len(words) > _SHOWN_BYTES else "")


def read_statements(
    stream: ByteStream, most_bytes: int, place: Place, *, memory_bytes: int | None = None
) -> Iterator[DumpStatement]:
    """Yield the statements of a dump, in order.

    Args:
        stream: its bytes.
        most_bytes: how long one may be.
        place: what the user calls it.
        memory_bytes: what this process may use; None: as much as there is.

    Raises:
        UnfinishedDumpError: the last statement has no end, or one is longer than SQLite takes.
        SourceTooLargeError: one is too long for the memory.
    """
    buffer = stream.read(_READ_BYTES).removeprefix(BYTE_ORDER_MARK)
    line, position, is_all = 1, 0, False
    longest = most_bytes if memory_bytes is None else memory_bytes // _COPIES
    while True:
        lead = LEAD.match(buffer, position)
        begin = lead.end() if lead else position
        end = _end(buffer, begin)
        # A comment at the end of what was read may go on, so it is not passed over before all is there.
        if end is not None:
            line += buffer.count(b"\n", position, begin)
            if memory_bytes is not None and end - begin > longest:
                raise _too_long(DumpStatement(buffer[begin:end], line), memory_bytes, place)
            if begin < end - 1:  # more than a lone semicolon
                yield DumpStatement(buffer[begin:end], line)
            line += buffer.count(b"\n", begin, end)
            position = end
            continue
        if is_all:
            break
        rest = buffer[position:]
        if memory_bytes is not None and len(rest) > longest:
            line += buffer.count(b"\n", position, begin)
            raise _too_long(DumpStatement(buffer[begin:], line), memory_bytes, place)
        if len(rest) > most_bytes:
            line += buffer.count(b"\n", position, begin)
            raise _unfinished(DumpStatement(buffer[begin:], line), place)
        # As much again as is there: what is looked at twice stays in proportion to the whole.
        piece = stream.read(max(_READ_BYTES, min(len(rest), longest + 1 - len(rest))))
        is_all = not piece
        buffer, position = rest + (piece or b"\n"), 0
    if begin < len(buffer):
        line += buffer.count(b"\n", position, begin)
        raise _unfinished(DumpStatement(buffer[begin:], line), place)


def _end(buffer: bytes, begin: int) -> int | None:
    """Return where the statement that begins here ends, or None where it does not."""
    if buffer[begin : begin + 1] == b".":
        command = _COMMAND.match(buffer, begin)
        return command.end() if command else None
    found = _TO_SEMICOLON.match(buffer, begin)
    if found is not None and _BODIED.match(buffer, begin):
        while found is not None and not _is_complete(buffer[begin : found.end()]):
            found = _TO_SEMICOLON.match(buffer, found.end())
    return found.end() if found else None


def _is_complete(statement: bytes) -> bool:
    return sqlite3.complete_statement(statement.decode(errors="replace").replace("\0", " "))


def _too_long(statement: DumpStatement, memory_bytes: int, place: Place) -> SourceTooLargeError:
    return SourceTooLargeError(
        f"The statement in line {statement.line:,} of the dump is longer than {memory_bytes // _COPIES:,} bytes, or a"
        f" quote in it has no end: {statement.beginning}",
        remedy="Where the dump is yours, allow more with MIGRATION_SOURCE_MEMORY_BYTES, of which a statement may take"
        " an eighth, or migrate the database file itself",
        **place,
    )


def _unfinished(statement: DumpStatement, place: Place) -> UnfinishedDumpError:
    return UnfinishedDumpError(
        f"The dump is cut off: the statement in line {statement.line:,} has no end: {statement.beginning}",
        remedy="Make the dump anew, and look at what that command says",
        **place,
    )
