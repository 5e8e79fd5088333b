"""Rows on a leaf page of a table, read without the tree above it: for pages that no tree leads to any more.

SQLite cannot read these; each cell is taken only if it makes sense to its last byte.
https://www.sqlite.org/fileformat2.html#record_format
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from migration.source.salvage.btree_pages import varint

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAF_TABLE: Final = 0x0D
_PAGE_HEADER_BYTES: Final = 8
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL: Final = 7
_CONSTANTS: Final = {8: 0, 9: 1}
_FIRST_BLOB: Final = 12


@dataclass(frozen=True, slots=True)
class Text:
    """A text as its bytes, in the encoding of the database."""

    data: bytes


Value: TypeAlias = "int | float | bytes | Text | None"


@dataclass(frozen=True, slots=True)
class Pages:
    """A database file by pages, numbered from 1. `usable_bytes` is what a page has without its reserved end."""

    file: BinaryIO
    page_bytes: int
    usable_bytes: int
    count: int

    def read(self, number: int) -> bytes:
        """Return a page; empty where the file has none of that number."""
        if not 1 <= number <= self.count:
            return b""
        self.file.seek((number - 1) * self.page_bytes)
        return self.file.read(self.page_bytes)


def leaf_rows(pages: Pages, number: int, most_fields: int) -> Iterator[tuple[int, list[Value]]]:
    """Yield rowid and values of each row of at most so many fields that can be read on a leaf page."""
    page = pages.read(number)
    if len(page) < pages.page_bytes or page[0] != LEAF_TABLE:
        return
    cells = int.from_bytes(page[3:5], "big")
    after_pointers = _PAGE_HEADER_BYTES + 2 * cells
    if after_pointers > pages.usable_bytes:
        return
    for place in range(_PAGE_HEADER_BYTES, after_pointers, 2):
        at = int.from_bytes(page[place : place + 2], "big")
        if after_pointers <= at < pages.usable_bytes:
            payload_bytes, at = varint(page, at)
            rowid, at = varint(page, at)
            payload = _payload(pages, page, at, payload_bytes)
            values = None if payload is None else _record(payload, most_fields)
            if values is not None:
                yield rowid, values


def _payload(pages: Pages, page: bytes, at: int, payload_bytes: int) -> bytes | None:
    """Return a payload with what lies on overflow pages; None where a part of it is missing."""
    usable = pages.usable_bytes
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    if not 0 < payload_bytes <= pages.count * pages.page_bytes:
        return None
    if payload_bytes <= most:
        return page[at : at + payload_bytes] if at + payload_bytes <= usable else None
    local = least + (payload_bytes - least) % (usable - 4)
    local = local if local <= most else least
    if at + local + 4 > usable:
        return None
    parts = [page[at : at + local]]
    missing = payload_bytes - local
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while missing > 0:
        overflow = pages.read(following)
        if not overflow:
            return None
        part = overflow[4 : min(usable, 4 + missing)]
        parts.append(part)
        missing -= len(part)
        following = int.from_bytes(overflow[:4], "big")
    return b"".join(parts)


def _record(payload: bytes, most_fields: int) -> list[Value] | None:
    """Return the values of a record; None where its header does not account for every byte."""
    header_bytes, at = varint(payload, 0)
    if not at <= header_bytes <= len(payload):
        return None
    types: list[int] = []
    while at < header_bytes and len(types) <= most_fields:
        serial_type, at = varint(payload, at)
        types.append(serial_type)
    if at != header_bytes or not 0 < len(types) <= most_fields:
        return None
    if any(kind < 0 or kind in {10, 11} for kind in types):
        return None
    if header_bytes + sum(map(_bytes_of, types)) != len(payload):
        return None
    values: list[Value] = []
    for kind in types:
        end = at + _bytes_of(kind)
        values.append(_value(kind, payload[at:end]))
        at = end
    return values


def _bytes_of(kind: int) -> int:
    if kind >= _FIRST_BLOB:
        return (kind - _FIRST_BLOB) // 2
    return 8 if kind == _REAL else _INTEGER_BYTES.get(kind, 0)


def _value(kind: int, data: bytes) -> Value:
    if kind >= _FIRST_BLOB:
        return Text(data) if kind % 2 else data
    if kind == _REAL:
        return float(struct.unpack(">d", data)[0])
    if kind in _INTEGER_BYTES:
        return int.from_bytes(data, "big", signed=True)
    return _CONSTANTS.get(kind)
