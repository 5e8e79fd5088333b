"""The producer's hold on each of its ledgers: one state machine for each target, which knows nothing of the others."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from migration.errors import TargetUnreachableError
from migration.steps.step_context import target_url
from migration.steps.target_pulse import TargetPulse
from producer.run_state_machine import Runner

if TYPE_CHECKING:
    from celery import Celery

    from migration.named_targets import NamedTargets
    from migration.settings import Settings

logger = logging.getLogger(__name__)


class TargetRunners:
    """The runners of one producer process. Methods may be called from several threads."""

    def __init__(self, app: Celery, targets: NamedTargets) -> None:
        self._app = app
        self._targets = targets
        self._lock = threading.Lock()
        self._runners: dict[str, Runner] = {}
        self._pulse = TargetPulse()

    def runner_of(self, target: str) -> Runner:
        """Return the runner of a target.

        Raises:
            TargetNameMissingError: this process knows no such target (any more).
            TargetsFileError: the file of targets cannot be used.
        """
        return self.runner_on(target, self._targets.settings_of(target))

    def runner_on(self, target: str, settings: Settings) -> Runner:
        """Return the runner of a target whose settings are known."""
        with self._lock:
            known = self._runners.get(target)
            if known is not None and known.settings is settings:
                return known
            made = self._runners[target] = Runner(self._app, settings, target=target)
        if known is not None:  # another password, or another address
            known.close()
        return made

    def advance(self, run_id: str, target: str) -> None:
        """Move a run on, as a message asks for; where its target cannot be used now, its watchdog comes back to it."""
        try:
            runner = self.runner_of(target)
            if self._targets.are_there:
                # A thread that waited for a silent server would be missing for the runs of others.
                self._pulse.refuse_silent(target_url(runner.settings))
        except TargetUnreachableError as error:
            logger.error("Run %s cannot be moved on now: %s", run_id, error)  # noqa: TRY400 - it is all there is to say
            return
        runner.advance(run_id, wait=True)
