"""Runs a command as a shell would and writes what it took: RESULT_FILE, then the command.

A command may return before all that it has started is gone. This process is the parent of such orphans (Linux), waits
for them too, and so counts their CPU seconds; the seconds until the prompt would be back are told apart.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.005
_MOST_SECONDS = 60.0
"""Whoever still runs so long after the command's end was not meant to end."""


def main(result: str, *command: str) -> int:
    """Return the command's exit status, or 70 where something that it started does not end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.perf_counter()
    process = subprocess.Popen(command, preexec_fn=_end_with_parent)  # noqa: PLW1509  # no thread is here
    status = process.wait()
    seconds = time.perf_counter() - started
    if not _orphans_end():
        return 70
    left = time.perf_counter() - started - seconds
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {"seconds": seconds, "left_seconds": left, "cpu_seconds": used.ru_utime + used.ru_stime}
    Path(result).write_text(json.dumps(told), encoding="utf-8")
    return status


def _end_with_parent() -> None:
    """Have the command stopped, in its own way, should this process be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _orphans_end() -> bool:
    deadline = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < deadline:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if not ended:
            time.sleep(_LOOK_SECONDS)
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
