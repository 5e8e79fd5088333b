"""Work on a file that a stranger may have made, in a process of its own that the kernel bounds.

SQLite can be interrupted between two steps of a statement, and not inside one: `instr()` of two long texts takes days,
`LIKE` with many wildcards longer. Nor can it be told how much to allocate without telling every thread of the process.
A process that breaks a bound of setrlimit(2) ends, and nothing else does.

The program is a function of this package: it gets the request, and gives answers. It ends when whoever started it
does, since its standard input does then.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

_BOOT: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from migration.source.confined_process import serve; serve(sys.argv[2])"
)
_TIME: Final = "SIGXCPU"
_SHOWN_CHARS: Final = 400

Answer = dict[str, Any]
Program = Callable[[Answer, Callable[[Answer], None]], None]


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the process may use. Seconds are a processor's: they do not pass while a machine is busy with others."""

    seconds: int
    memory_bytes: int
    file_bytes: int | None = None
    """Of each file that it writes."""


@dataclass(frozen=True, slots=True)
class ConfinedEnd:
    """How such a process has ended: by itself, or by a signal."""

    status: int
    said: str = ""
    """The end of what it wrote to standard error."""

    @property
    def is_well(self) -> bool:
        """Whether it came to its end."""
        return self.status == 0

    @property
    def is_out_of_time(self) -> bool:
        """Whether the kernel ended it for the time that it took."""
        return self._signal == _TIME

    @property
    def why(self) -> str:
        """What ended it, in words."""
        return f"by {self._signal}" if self.status < 0 else f"with status {self.status}"

    @property
    def _signal(self) -> str:
        import signal

        return signal.Signals(-self.status).name if self.status < 0 else ""


class ConfinedProcess:
    """A running program: iterate over its answers, then ask for its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __iter__(self) -> Iterator[Answer]:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self._process.stdout:
            if line.endswith(b"\n"):  # not one that was cut off
                yield json.loads(line)

    def end(self) -> ConfinedEnd:
        """Wait for its end."""
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        said = self._process.stderr.read().decode(errors="replace").strip()[-_SHOWN_CHARS:]
        return ConfinedEnd(self._process.wait(), said)


@contextmanager
def confined_process(
    program: str, request: Mapping[str, Any], confinement: Confinement
) -> Iterator[ConfinedProcess]:
    """Run a program under bounds; it is ended on leaving.

    Args:
        program: module and function, as ``package.module:function``.
        request: what it is to do, as data of JSON.
        confinement: its bounds.

    Raises:
        OSError: no process can be started.
    """
    process = subprocess.Popen(
        # A session of its own: Ctrl-C is for the command, which then ends this.
        [sys.executable, "-I", "-c", _BOOT, json.dumps(sys.path), program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not _is_secret(name)},
    )
    try:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        bounds = [confinement.seconds, confinement.memory_bytes, confinement.file_bytes]
        process.stdin.write(json.dumps([bounds, request]).encode() + b"\n")
        process.stdin.flush()
        yield ConfinedProcess(process)
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()


def _is_secret(name: str) -> bool:
    """Whether a variable may hold a password: such a process needs none."""
    return name.startswith(("MIGRATION_", "PG", "FLOWER_", "AWS_"))


def serve(program: str) -> None:
    """Be that process: read the request, take the bounds on, run the program."""
    module, _, function = program.partition(":")
    run: Program = getattr(import_module(module), function)
    (seconds, memory_bytes, file_bytes), request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_DATA, memory_bytes)
    if file_bytes is not None:
        _bound(resource.RLIMIT_FSIZE, file_bytes)
    allow_seconds(seconds)
    answers = os.fdopen(os.dup(1), "wb")

    def answer(said: Answer) -> None:
        answers.write(json.dumps(said).encode() + b"\n")
        answers.flush()

    run(request, answer)
    sys.stderr.flush()
    os._exit(0)  # not held up by what is still open


def allow_seconds(seconds: int) -> None:
    """Say, in that process, how long it may have taken in all: more, as more of a large file is done."""
    _bound(resource.RLIMIT_CPU, max(1, seconds))


def _bound(what: int, most: int) -> None:
    _, hardest = resource.getrlimit(what)
    soft = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
    resource.setrlimit(what, (soft, hardest))


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)
