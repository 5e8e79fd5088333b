"""Programs for confined processes that tests start."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from typing import Any


def tell_environment(_request: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Say what the process knows."""
    answer({"environment": dict(os.environ), "core_bytes": resource.getrlimit(resource.RLIMIT_CORE)[0]})


def die(_request: dict[str, Any], _answer: Callable[[dict[str, Any]], None]) -> None:
    """End as a process does that reads where it may not."""
    os.kill(os.getpid(), signal.SIGSEGV)
