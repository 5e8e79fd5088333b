"""A lock that processes of one host share, on a file that may be removed by whoever holds it alone."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST_NOTED_BYTES: Final = 4_096


class FileLock:
    """`flock` on a file that is made if need be. The kernel lets go of it when the process dies, however that happens.

    Taking it in another way gives it up for a moment: what was true under the lock has to be looked at again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def share(self) -> None:
        """Wait until nobody holds it alone, and hold it with others."""
        self._take(fcntl.LOCK_SH)

    def own(self) -> None:
        """Wait until nobody else holds it, and hold it alone."""
        self._take(fcntl.LOCK_EX)

    def try_own(self) -> bool:
        """Hold it alone, if nobody else holds it now; return whether that is so."""
        try:
            self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let go of it; nothing happens where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def note_failure(self, reason: str) -> None:
        """Tell those who wait for the lock that what they wait for has just failed, and why."""
        if self._descriptor is not None:
            with suppress(OSError):  # on a full disk they try for themselves
                os.ftruncate(self._descriptor, 0)
                note = b"%020d" % time.monotonic_ns() + reason.encode("utf-8", errors="replace")
                os.pwrite(self._descriptor, note[:_MOST_NOTED_BYTES], 0)

    def failure_since(self, monotonic_ns: int) -> str | None:
        """Return why another process of this host has failed since then; None where none has."""
        if self._descriptor is not None:
            with suppress(ValueError):
                note = os.pread(self._descriptor, _MOST_NOTED_BYTES, 0)
                noted = int(note[:20])
                if monotonic_ns < noted <= time.monotonic_ns():  # an older boot may have counted further
                    return note[20:].decode("utf-8", errors="replace")
        return None

    def _take(self, kind: int) -> None:
        while True:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._descriptor, kind)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._descriptor), self._path.stat()):
                    return
            self.release()  # removed meanwhile: others lock another file of this name
