"""What a process has for each of its targets (a watchdog, signs of life): begun, ended and begun anew with the file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from migration.named_targets import NamedTargets
from migration.settings import Settings
from migration.target_name_errors import TargetNameMissingError, TargetsFileError

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 2.0


class Follower(Protocol):
    """What has a life of its own, in a thread, for one target."""

    def start(self) -> None:
        """Begin; does not wait for PostgreSQL."""

    def stop(self) -> None:
        """End soon."""


@dataclass(frozen=True, slots=True)
class _Running:
    settings: Settings
    follower: Follower


class TargetFollowers:
    """One follower for each target. One whose target is gone from the file is ended; nothing of its ledger is lost.

    Args:
        targets: of the process.
        make: returns the follower of a target, by its name (empty: the default one) and settings.
    """

    def __init__(self, targets: NamedTargets, make: Callable[[str, Settings], Follower]) -> None:
        self._targets = targets
        self._make = make
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._told = ""

    def start(self) -> None:
        """Begin with all of them, and go on to look at the file where there is one."""
        self._begin("", self._targets.settings_of(""))
        if self._targets.are_there:
            self._look()
            threading.Thread(target=self._watch, name="targets", daemon=True).start()

    def stop(self) -> None:
        """End all of them, at once: one whose server is silent takes a while."""
        self._ended.set()
        with self._lock:
            running, self._running = list(self._running.values()), {}
        if len(running) == 1:
            running[0].follower.stop()
            return
        threads = [threading.Thread(target=one.follower.stop, daemon=True) for one in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            wanted = {name: self._targets.settings_of(name) for name in self._targets.names()}
        except (TargetsFileError, TargetNameMissingError) as error:
            if str(error) != self._told:  # those that run go on as they are
                logger.error("%s", error)  # noqa: TRY400 - it is all that there is to say
            self._told = str(error)
            return
        self._told = ""
        with self._lock:
            gone = [
                name for name, one in self._running.items() if name and wanted.get(name) is not one.settings
            ]
            ended = {name: self._running.pop(name) for name in gone}
            new = [name for name in wanted if name not in self._running]
        for name, one in ended.items():
            if name not in wanted:
                logger.warning("The target %s is in the file no more; its runs wait until it is again", name)
            threading.Thread(target=one.follower.stop, daemon=True).start()
        for name in new:
            self._begin(name, wanted[name])

    def _begin(self, name: str, settings: Settings) -> None:
        follower = self._make(name, settings)
        with self._lock:
            if self._ended.is_set():
                return
            self._running[name] = _Running(settings, follower)
        follower.start()
