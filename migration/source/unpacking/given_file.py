"""The file that a user names, made the plain SQLite file that everything else works with."""

from __future__ import annotations

import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.errors import SourceLockedError
from migration.source.database_copy import make_plain
from migration.source.integrity_check import SAMPLE_BYTES
from migration.source.regular_file import open_regular
from migration.source.unpacking.compressed_stream import inner_format, open_unpacked
from migration.source.unpacking.dump_loading import load_dump
from migration.source.unpacking.source_formats import SourceFormat, recognise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.convoy_error import Place
    from migration.source.unpacking.compressed_stream import ByteStream

logger = logging.getLogger(__name__)

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class GivenFile:
    """What the user named, where a snapshot was made from it and is not a copy of it."""

    sha256: str
    bytes: int


def format_of(path: Path, place: Place) -> SourceFormat:
    """Return what a file is.

    Raises:
        SourceError: no database is read from it; see `recognise`.
    """
    with open_regular(path) as file:
        start = file.read(SAMPLE_BYTES)
    return recognise(start, path.stat().st_size, place)


def _pass_over(_bytes_read: int) -> None:
    """Note nothing."""


def unpack(
    path: Path, database: Path, place: Place, note: Callable[[int], None] = _pass_over
) -> GivenFile | None:
    """Make `database` from a dump or a compressed file; None, and nothing is made, where the file is a database itself.

    `note` is told how many bytes of what is inside have been read, now and then.

    Raises:
        SourceCompressionError: the compressed file is cut off or damaged.
        UnfinishedDumpError, ForeignDumpError, SourceDumpError: see `load_dump`.
        SourceLockedError: somebody was writing to the file.
        SourceError: see `recognise`.
        OSError: the disk is full.
    """
    before = _state(path)
    kind = format_of(path, place)
    if kind is SourceFormat.DATABASE:
        return None
    began = time.monotonic()
    with ThreadPoolExecutor(1) as beside:  # hashing leaves the interpreter alone
        digest = beside.submit(_sha256, path)
        if kind is SourceFormat.DUMP:
            with open_regular(path) as file:
                load_dump(_NotedStream(file, note), database, place)
        else:
            inner = inner_format(path, kind, place)
            with open_unpacked(path, kind, place) as stream:
                _write(_NotedStream(stream, note), inner, database, place)
    if _state(path) != before:
        raise SourceLockedError(
            "The file was being written to while it was read",
            remedy="Wait until it is complete, and try again",
            **place,
        )
    made = database.stat().st_size
    logger.info(
        "Made %d bytes of SQLite from the %s %s in %.1f s", made, kind.value, path, time.monotonic() - began
    )
    return GivenFile(digest.result(), before[0])


class _NotedStream:
    """A stream that says how much of it was read."""

    def __init__(self, inner: ByteStream, note: Callable[[int], None]) -> None:
        self._inner = inner
        self._note = note
        self._bytes_read = 0

    def read(self, size: int, /) -> bytes:
        piece = self._inner.read(size)
        self._bytes_read += len(piece)
        self._note(self._bytes_read)
        return piece


def _write(stream: ByteStream, inner: SourceFormat, database: Path, place: Place) -> None:
    if inner is SourceFormat.DUMP:
        load_dump(stream, database, place)
        return
    with database.open("wb") as file:
        while piece := stream.read(_COPY_BYTES):
            file.write(piece)
    make_plain(database, place)


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
