"""Rejected values on their way into the quarantine: kept in a temporary file while a COPY holds the connection.

A table may reject every one of its rows; memory must not grow with them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self

import msgspec

from migration.full_disk import room_on
from migration.full_disk_errors import TemporaryDiskFullError
from migration.model import Rejection

MEMORY_BYTES = 8 << 20
"""Above this, rejections go to disk."""
GROUP_VALUES = 500
GROUP_BYTES = 8 << 20
_LENGTH_BYTES = 8
TEMPORARY_REMEDY = (
    "Make room there, and the run goes on by itself; or set TMPDIR to a larger disk for the workers"
)


class RejectionSpool:
    """Takes rejections one after the other, and gives them back in groups of a bounded size, in the same order.

    A context manager: the file is gone afterwards, and nobody else ever sees it under a name.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES, prefix="convoy-")  # noqa: SIM115
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Rejection)
        self.values = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what does not fit onto a full disk is of no use any more
            self._file.close()

    def add(self, rejections: Sequence[Rejection]) -> None:
        """Append rejections; not after `groups` was begun.

        Raises:
            TemporaryDiskFullError: the folder for temporary files has no room.
        """
        with _room():
            for rejection in rejections:
                record = self._encoder.encode(rejection)
                self._file.write(len(record).to_bytes(_LENGTH_BYTES, "big"))
                self._file.write(record)
        self.values += len(rejections)

    def groups(self) -> Iterator[list[Rejection]]:
        """Yield all rejections, at most `GROUP_VALUES` and about `GROUP_BYTES` at a time.

        Raises:
            TemporaryDiskFullError: the folder for temporary files has no room for what was still in memory.
        """
        with _room():
            self._file.seek(0)
        group: list[Rejection] = []
        group_bytes = 0
        while length := self._file.read(_LENGTH_BYTES):
            record_bytes = int.from_bytes(length, "big")
            if group and (len(group) >= GROUP_VALUES or group_bytes + record_bytes > GROUP_BYTES):
                yield group
                group, group_bytes = [], 0
            group.append(self._decoder.decode(self._file.read(record_bytes)))
            group_bytes += record_bytes
        if group:
            yield group


def _room() -> AbstractContextManager[None]:
    return room_on(
        TemporaryDiskFullError,
        "The disk of the folder for temporary files is full",
        file=tempfile.gettempdir(),
        remedy=TEMPORARY_REMEDY,
    )
