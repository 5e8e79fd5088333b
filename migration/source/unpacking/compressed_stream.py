"""What is inside a compressed file, as a stream that says by name what is wrong with it."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from migration.convoy_error import Place
from migration.source.integrity_check import SAMPLE_BYTES
from migration.source.regular_file import open_regular
from migration.source.unpacking.source_formats import SourceFormat, empty_dump, recognise
from migration.source_form_errors import SourceCompressionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REMEDY = "Make or fetch the file anew"


class ByteStream(Protocol):
    """Whatever bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


class UnpackedStream:
    """The content of a compressed file: of every member or frame in it, in order. Memory does not grow with it."""

    def __init__(self, inner: ByteStream, kind: SourceFormat, place: Place) -> None:
        self._inner = inner
        self._kind = kind
        self._place = place

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end.

        Raises:
            SourceCompressionError: the file is cut off or damaged, or something else stands behind its end.
        """
        try:
            return self._inner.read(size)
        except EOFError as error:
            raise self._broken("is cut off") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            if "Not a gzipped file" in str(error):
                raise self._broken("has something else behind its end") from error
            raise self._broken(f"is damaged: {error}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._broken(_zstd_words(str(error))) from error

    def _broken(self, what: str) -> SourceCompressionError:
        return SourceCompressionError(f"The {self._kind.value} file {what}", remedy=_REMEDY, **self._place)


def _zstd_words(message: str) -> str:
    """Return what Arrow's message means; it has no code for any of these."""
    if "Truncated" in message:
        return "is cut off"
    if "too much memory" in message:
        return "was made with a window of more than 128 MiB (--long); unpack it with zstd -d --long=31 first"
    return f"is damaged, or has something else behind its end: {message}"


@contextmanager
def open_unpacked(path: Path, kind: SourceFormat, place: Place) -> Iterator[UnpackedStream]:
    """Open what is inside a compressed file."""
    with open_regular(path) as file:
        if kind is SourceFormat.GZIP:
            with gzip.GzipFile(fileobj=file) as inner:
                yield UnpackedStream(inner, kind, place)
        else:
            with _ArrowStream(file) as stream:
                yield UnpackedStream(stream, kind, place)


def inner_format(path: Path, kind: SourceFormat, place: Place) -> SourceFormat:
    """Return what is inside a compressed file: a database or a dump.

    Raises:
        SourceCompressionError: it cannot be unpacked, or is compressed twice.
        SourceError: something else is inside; see `recognise`.
    """
    with open_unpacked(path, kind, place) as stream:
        start = b""
        while len(start) < SAMPLE_BYTES and (piece := stream.read(SAMPLE_BYTES - len(start))):
            start += piece
    if not start:
        raise empty_dump(place)
    found = recognise(start, len(start), place)
    if found.is_compressed:
        raise SourceCompressionError(
            f"The file is compressed twice: a {found.value} file is inside",
            remedy="Unpack it once, and name the result",
            **place,
        )
    return found


class _ArrowStream:
    """Arrow's own zstd, which is there already: Python has none before 3.14."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def read(self, size: int, /) -> bytes:
        return bytes(self._stream.read(size))
