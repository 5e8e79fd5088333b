"""How long a run waits for what should pass by itself: a lock of others, a lost connection, memory of the server.

A step counts its attempts in the ledger. What lies between two phases is tried again at each look of the watchdog, and
a fault that is called passing and does not pass would hold a run up for ever. A full disk, a server or stage that does
not answer, and a broker are waited for without end: they say so, and whoever mends them wants the run to go on.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.errors import RetryableError, ServerAwayError, StageUnreachableError, TransitionLostError
from migration.full_disk_errors import DiskFullError

if TYPE_CHECKING:
    from migration.convoy_error import ConvoyError
    from migration.ledger.run_records import RunRecord
    from migration.model import Phase

FEWEST_TRIES: Final = 10
LONGEST_SECONDS: Final = 1_800.0
_WAITED_FOR: Final = (DiskFullError, ServerAwayError, StageUnreachableError, TransitionLostError)


@dataclass(slots=True)
class _Faults:
    phase: Phase
    since: float
    tries: int = 0


class PassingFaults:
    """What has held up each run in its phase, in this process. Methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Faults] = {}

    def is_last(self, run: RunRecord, reason: ConvoyError, *, server_stayed_up: bool = False) -> bool:
        """Note a fault, and tell whether the run is not to be tried again; then `reason` says how often it was.

        Args:
            run: that was held up.
            reason: what has held it up.
            server_stayed_up: whether a server that is said to be away has been there all the while.
        """
        is_waited_for = isinstance(reason, _WAITED_FOR) and not (
            server_stayed_up and isinstance(reason, ServerAwayError)
        )
        if not isinstance(reason, RetryableError) or is_waited_for:
            return False
        with self._lock:
            faults = self._known.get(run.id)
            if faults is None or faults.phase is not run.phase:
                faults = self._known[run.id] = _Faults(run.phase, time.monotonic())
            faults.tries += 1
            seconds = time.monotonic() - faults.since
            if faults.tries < FEWEST_TRIES or seconds < LONGEST_SECONDS:
                return False
            del self._known[run.id]
        reason.details = f"It was the last of {faults.tries} tries in {seconds / 60:.0f} minutes"
        return True

    def forget(self, run_id: str) -> None:
        """Note that the run has moved."""
        with self._lock:
            self._known.pop(run_id, None)
