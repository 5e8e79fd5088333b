"""The standard streams of a command, which may be closed, full, or read by nobody: its run is none the worse for it.

A run that is proved is proved, whether or not its report can be printed. And a descriptor that is closed as a process
begins is given to whatever is opened next: what is printed would go into a socket or a file.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OUTPUTS: Final = {1: "stdout", 2: "stderr"}


class _Lasting(io.FileIO):
    """Takes all that is written, also what can no longer be delivered; `failure` is why, where that is worth a word."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or drop from the first failure on."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EPIPE:  # else: whoever read it has seen enough
                self.failure = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(memoryview(data).cast("B"))


def keep_streams() -> None:
    """Open what is closed of stdin, stdout and stderr on nothing, and let no failure of the latter two be an error."""
    for descriptor in (0, *_OUTPUTS):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # stays open as long as the process
    for descriptor, name in _OUTPUTS.items():
        before = getattr(sys, name)
        buffered = io.BufferedWriter(_Lasting(descriptor, "w", closefd=False))
        stream = io.TextIOWrapper(
            buffered,
            encoding=before.encoding if before else "utf-8",
            errors=before.errors if before else "backslashreplace",
            line_buffering=descriptor == 2 or os.isatty(descriptor),  # noqa: PLR2004  # stderr
        )
        setattr(sys, name, stream)


def undelivered() -> OSError | None:
    """Return why stdout has not taken all that was printed; None where it has, or where its reader has gone."""
    try:
        sys.stdout.flush()
    except OSError as error:  # of a stream that was not kept
        return None if error.errno == errno.EPIPE else error
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, _Lasting) else None
