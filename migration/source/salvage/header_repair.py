"""A database header that SQLite believes, on a damaged file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.source.integrity_check import HEADER_BYTES

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_PAGE: Final = 65_536


def page_bytes(header: bytes | bytearray) -> int:
    """Return the page size that a database header names."""
    value = int.from_bytes(header[16:18], "big")
    return _LARGEST_PAGE if value == 1 else value


def repair_header(path: Path) -> None:
    """Correct, in a private copy, what the file's header says against what is there: so that SQLite opens it.

    The file is padded to whole pages; page count, free pages and the fields with only one legal value are set.
    https://www.sqlite.org/fileformat2.html#the_database_header
    """
    with path.open("rb+") as file:
        header = bytearray(file.read(HEADER_BYTES))
        size = page_bytes(header)
        file_bytes = file.seek(0, 2)
        pages = -(-file_bytes // size)
        file.truncate(pages * size)
        header[18:20] = b"\x01\x01"  # no write-ahead log: it is in the copy, or lost
        header[21:24] = b"\x40\x20\x20"
        header[28:32] = pages.to_bytes(4, "big")
        header[32:40] = bytes(8)
        header[92:96] = header[24:28]  # the page count is to be believed
        if not 1 <= int.from_bytes(header[44:48], "big") <= 4:  # noqa: PLR2004 - schema formats
            header[44:48] = (4).to_bytes(4, "big")
        if not 1 <= int.from_bytes(header[56:60], "big") <= 3:  # noqa: PLR2004 - text encodings
            header[56:60] = (1).to_bytes(4, "big")
        file.seek(0)
        file.write(header)
