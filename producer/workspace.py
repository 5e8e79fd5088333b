"""What the transitions of a run need: the ledger, the target and the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from producer.flushing import Flushing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.runs import RunRecord
    from migration.settings import Settings


@dataclass(frozen=True, slots=True)
class Workspace:
    """`target_url` carries the password and goes nowhere but into connections."""

    engine: Engine
    target_url: str
    settings: Settings
    flushing: Flushing = field(default_factory=Flushing)


Transition = Callable[[Workspace, "RunRecord"], bool]
"""Does what lies between a phase and the next; returns whether this caller moved the run."""
