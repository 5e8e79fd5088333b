"""CPU seconds and peak memory of processes, running or done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Self

import psutil

# To look costs 2 ms for each group, which is taken from whoever is measured. The kernel keeps the peak meanwhile.
_EVERY_SECONDS = 0.25
_ERROR_CHARS = 600
_ASIDES = ("DETAIL:", "HINT:", "CONTEXT:")
_MOST_SECONDS = 600.0
"""Nobody takes so long for what is measured here; who does hangs."""
_MEASURED_COMMAND = Path(__file__).parent / "scripts" / "measured_command.py"
_NOT_PASSED_ON = ("MIGRATION_", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Beginnings of variables of who measures that a user of what is measured does not have.

Without compiled files every process of Convoy compiles all it imports: seconds for each command.
"""
_MEMORY_LINE = re.compile(r"(VmHWM|RssAnon|RssShmem|RssFile):\s+(\d+) kB")


class FailedError(Exception):
    """A contender could not do the work."""


def last_line(said: object) -> str:
    """Return the line that says why a program failed.

    Of pgloader's runtime it is the one after `fatal error`; of PostgreSQL not what it says of where and of what helps.
    """
    lines = [line for line in str(said).splitlines() if line.strip() and not line.startswith(_ASIDES)]
    fatal = next((after for line, after in pairwise(lines) if line.startswith("fatal error")), None)
    return fatal or (lines or ["it said nothing"])[-1]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program that has ended has used."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Of the largest process among it and its descendants."""
    together_bytes: int = 0
    """Of all of them at the same time; what processes share with the one that forked them is counted in each."""
    left_seconds: float = 0.0
    """For how long something that it had started ran on after its end."""


def run_command(arguments: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a command that starts processes of its own; seconds are until its prompt, all else is of all of them.

    Raises:
        FailedError: it returned anything but 0, or what it has started does not end.
    """
    with tempfile.NamedTemporaryFile() as told:
        wrapped = [sys.executable, "-I", "-S", str(_MEASURED_COMMAND), told.name, *arguments]
        outer = run_program(wrapped, environment=environment)
        found = json.loads(Path(told.name).read_text(encoding="utf-8"))
    return replace(outer, **found)


def run_program(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    most_seconds: float = _MOST_SECONDS,
) -> Finished:
    """Run a program to its end and return what it used, its start included.

    Raises:
        FailedError: it returned anything but 0, and holds the end of what it said; or it did not end in time.
    """
    return run_programs([arguments], environment=environment, most_seconds=most_seconds)


def run_programs(
    programs: Sequence[Sequence[str]],
    *,
    environment: Mapping[str, str] | None = None,
    most_seconds: float = _MOST_SECONDS,
) -> Finished:
    """Run programs at the same time to their end; CPU seconds are of all of them.

    Settings of Convoy and of Python in this process's own environment are not passed on.

    Raises:
        FailedError: one returned anything but 0, or did not end in time; such ones are killed.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        running = [
            subprocess.Popen(
                program,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**inherited, **(environment or {})},
            )
            for program in programs
        ]
        cpu, failed = 0.0, False
        late = threading.Timer(most_seconds, lambda: _kill(running))
        late.start()
        try:
            # Not ru_maxrss: that of a child begins with the memory of the process that forked it.
            with MemoryWatch({str(process.pid): process.pid for process in running}) as memory:
                for process in running:
                    _, status, usage = os.wait4(process.pid, 0)
                    process.returncode = os.waitstatus_to_exitcode(status)
                    failed = failed or process.returncode != 0
                    cpu += usage.ru_utime + usage.ru_stime
                seconds = time.perf_counter() - started
        finally:
            late.cancel()
            _kill(running)
        if failed and seconds >= most_seconds:
            raise FailedError(f"It did not end within {most_seconds:.0f} s")
        if failed:
            said.seek(0)
            raise FailedError(said.read().decode("utf-8", "replace").strip()[-_ERROR_CHARS:])
    return Finished(
        seconds, cpu, max(memory.peaks.values(), default=0), max(memory.together.values(), default=0)
    )


def _kill(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Kill those that have not been waited for, which a process id might be somebody else's of otherwise."""
    for process in running:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, SIGKILL)


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of all its descendants, those that have ended included."""
    total = 0.0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                used = process.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
    return total


def own_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process alone."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


class MemoryWatch:
    """Watches groups of processes, each a process and all its descendants, during a `with` block.

    On Linux the kernel's own high-water mark (VmHWM) is read, so that no peak between two looks is missed; it is that
    of the process's whole life.
    """

    def __init__(self, pids: Mapping[str, int], every_seconds: float = _EVERY_SECONDS) -> None:
        self._every_seconds = every_seconds
        self._roots = dict(pids)
        self._peaks: dict[str, dict[int, int]] = {name: {} for name in pids}
        self._together: dict[str, int] = dict.fromkeys(pids, 0)
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
        self._look()

    @property
    def peaks(self) -> dict[str, int]:
        """Bytes of the process that held most, by group."""
        return {name: max(peaks.values(), default=0) for name, peaks in self._peaks.items()}

    @property
    def together(self) -> dict[str, int]:
        """Bytes of all processes of a group at the look at which it was most, by group.

        Program files and libraries are counted once, as of the process that has most of them.
        """
        return {name: max(sums, self.peaks[name]) for name, sums in self._together.items()}

    def _watch(self) -> None:
        while not self._stop.wait(self._every_seconds):
            self._look()

    def _look(self) -> None:
        for name, pid in self._roots.items():
            with suppress(psutil.Error):
                root = psutil.Process(pid)
                own, files = 0, 0
                for process in (root, *root.children(recursive=True)):
                    held = _held_bytes(process)
                    self._peaks[name][process.pid] = max(self._peaks[name].get(process.pid, 0), held.peak)
                    own += held.own
                    files = max(files, held.files)
                self._together[name] = max(self._together[name], own + files)


@dataclass(frozen=True, slots=True)
class _Held:
    """Bytes of one process: the most that it ever had, its own now, and mapped files now."""

    peak: int = 0
    own: int = 0
    files: int = 0


def _held_bytes(process: psutil.Process) -> _Held:
    with suppress(OSError):
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        found = {name: int(number) * 1024 for name, number in _MEMORY_LINE.findall(text)}
        if "VmHWM" in found:
            own = found.get("RssAnon", 0) + found.get("RssShmem", 0)
            return _Held(found["VmHWM"], own, found.get("RssFile", 0))
    with suppress(psutil.Error):
        resident = int(process.memory_info().rss)
        return _Held(resident, resident)
    return _Held()
