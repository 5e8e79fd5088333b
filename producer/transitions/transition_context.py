"""What the transitions of a run need: the ledger, the target and the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from producer.transitions.snapshot_flush import SnapshotFlushes
from producer.transitions.snapshot_room import SnapshotRoom

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.convoy_error import ConvoyError
    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from migration.model import Phase
    from migration.settings import Settings


@dataclass(frozen=True, slots=True)
class TransitionContext:
    """`target_url` carries the password and goes nowhere but into connections."""

    engine: Engine
    target_url: str
    settings: Settings
    observers: Observers = STANDARD_OBSERVERS
    snapshot_flushes: SnapshotFlushes = field(default_factory=SnapshotFlushes)
    snapshot_room: SnapshotRoom = field(default_factory=SnapshotRoom)


def _nothing(_context: TransitionContext, _run: RunRecord) -> None:
    return None


def _no_more(_context: TransitionContext, _run: RunRecord, _prepared: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Transition:
    """What lies between a phase and the next."""

    apply: Callable[[TransitionContext, LockedRun, Any], Phase | ConvoyError]
    """The changes, in the transaction that has the run locked and moves it; all stay or none.

    Takes what `prepare` returned. Returns the phase that follows, or the error that the run fails with.
    """
    prepare: Callable[[TransitionContext, RunRecord], Any] = _nothing
    """Work that takes long and changes nothing in the ledger and the target; done again where it was in vain."""
    after: Callable[[TransitionContext, RunRecord, Any], None] = _no_more
    """What follows once the move is committed, and only then."""
