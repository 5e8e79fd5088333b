"""A pool child belongs to its worker, and to nobody else: signals for a whole process group pass it by.

honcho, a terminal's Ctrl-C and many a supervisor send their signal to the group. A child would end in the middle of a
chunk by that, while its worker, which got the same signal, waits for it in a warm shutdown and logs a lost process.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def leave_group() -> None:
    """Move this process into a session of its own, if it dies with its parent all the same (Linux, prctl(2))."""
    if sys.platform != "linux":
        return
    import ctypes

    parent = os.getppid()
    try:
        is_bound = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:  # it died between the two calls
        os._exit(1)
    if is_bound:
        os.setsid()
