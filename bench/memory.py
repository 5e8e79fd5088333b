"""The most memory that a group of processes has held."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_EVERY_SECONDS = 0.1


class MemoryWatch:
    """Watches a process and all its descendants during a `with` block.

    On Linux the kernel's own high-water mark (VmHWM) is read, so that no peak between two looks is missed.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peaks: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def largest_bytes(self) -> int:
        """Peak of the process that held most."""
        return max(self._peaks.values(), default=0)

    @property
    def sum_bytes(self) -> int:
        """Peaks of all processes added up; pages that they share count for each of them."""
        return sum(self._peaks.values())

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            with suppress(psutil.Error):
                for process in (self._root, *self._root.children(recursive=True)):
                    peak = _peak_bytes(process)
                    self._peaks[process.pid] = max(self._peaks.get(process.pid, 0), peak)


def _peak_bytes(process: psutil.Process) -> int:
    with suppress(OSError):
        found = re.search(
            r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        )
        if found:
            return int(found[1]) * 1024
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
