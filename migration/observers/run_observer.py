"""The seam between the work and those who look at it: what an observer is, and how observers are told."""

from __future__ import annotations

import logging
from typing import Protocol

from migration.observers.run_happenings import Happening

logger = logging.getLogger(__name__)


class RunObserver(Protocol):
    """Is told what happens, in the process and the thread in which it happens."""

    def observe(self, happening: Happening) -> None:
        """Take note. Every step waits for it, so it has to be quick; what does not concern it, it lets pass."""


class Observers:
    """Several observers that are told as one."""

    def __init__(self, *observers: RunObserver) -> None:
        self._observers = observers

    def with_also(self, *observers: RunObserver) -> Observers:
        """Return these observers and others, who hear after them."""
        return Observers(*self._observers, *observers)

    def tell(self, *happenings: Happening) -> None:
        """Tell everybody what has happened; never raises.

        What is in the ledger is told once it is committed: an observer counts nothing that was rolled back, and
        one that is slow or broken holds no lock and undoes no work.
        """
        for happening in happenings:
            for observer in self._observers:
                try:
                    observer.observe(happening)
                except Exception:  # whoever looks on must not change what happens
                    logger.warning(
                        "%s could not take note of %s",
                        type(observer).__name__,
                        type(happening).__name__,
                        exc_info=True,
                    )
