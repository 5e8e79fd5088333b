"""What the transitions of a run need: the ledger, the target and the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration.observers.run_happenings import PhaseEntered
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from producer.transitions.snapshot_flush import SnapshotFlushes

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.run_records import RunRecord
    from migration.settings import Settings


@dataclass(frozen=True, slots=True)
class TransitionContext:
    """`target_url` carries the password and goes nowhere but into connections."""

    engine: Engine
    target_url: str
    settings: Settings
    observers: Observers = STANDARD_OBSERVERS
    snapshot_flushes: SnapshotFlushes = field(default_factory=SnapshotFlushes)


Transition = Callable[[TransitionContext, "RunRecord"], PhaseEntered | None]
"""Does what lies between a phase and the next, and commits it; returns nothing where another has moved the run."""
