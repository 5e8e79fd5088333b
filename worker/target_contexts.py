"""The connections of one pool child, for each target that its messages name: opened in it, never before the fork."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from migration.named_targets import DEFAULT_TARGET, NamedTargets
from migration.observers.run_observer import Observers
from migration.settings import Settings
from migration.steps.step_context import StepContext
from migration.steps.target_pulse import TargetPulse, leave_to_others


class TargetContexts:
    """What a process keeps open. `worker` names it in every ledger. A child has one task at a time."""

    def __init__(self, settings: Settings, worker: str, observers: Observers) -> None:
        self._targets = NamedTargets(settings)
        self._worker = worker
        self._observers = observers
        self._contexts: dict[str, StepContext] = {}
        self._pulse = TargetPulse()

    @contextmanager
    def at_work(self, target: str) -> Iterator[StepContext]:
        """Yield the context of a target for one task.

        Where there are several targets, one that falls silent meanwhile ends this process after the time of a lease:
        others are waiting for it.

        Raises:
            TargetNameMissingError: this process knows no such target (any more).
            TargetsFileError: the file of targets cannot be used.
            TargetUnreachableError: the target is silent, and there are others.
        """
        context = self._context(target)
        if not self._targets.are_there:
            yield context
            return
        self._pulse.refuse_silent(context.target_url)
        leave = partial(
            leave_to_others,
            f"The target {target or DEFAULT_TARGET} has not answered for {context.settings.lease_seconds:.0f} s;"
            " this process ends, so that other targets have a worker",
        )
        with self._pulse.watched(context.target_url, context.settings.lease_seconds, leave):
            yield context

    def _context(self, target: str) -> StepContext:
        settings = self._targets.settings_of(target)
        known = self._contexts.get(target)
        if known is not None and known.settings is settings:
            return known
        if known is not None:  # another password, or another address
            del self._contexts[target]
            known.close()
        made = self._contexts[target] = StepContext(settings, self._worker, self._observers)
        return made

    def close(self) -> None:
        """Close everything."""
        while self._contexts:
            self._contexts.popitem()[1].close()
