"""What a fault is: a row of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from migration.model import Phase

if TYPE_CHECKING:
    from tests.chaos.matrix.scene import Scene

PHASES = (*(phase for phase in Phase if not phase.is_end), Phase.COMPLETED)
"""The last stands for a run that has just ended, while its command builds the report."""


class Kind(StrEnum):
    """What is hurt; the short form has each of them."""

    PROCESS = "process"
    BROKER = "broker"
    SERVER = "PostgreSQL"
    MESSAGE = "messages"
    REQUEST = "requests"
    COMMAND = "command line"
    FILE = "files"
    CLOCK = "clock"
    DISK = "disk"


class Ending(StrEnum):
    """How a run may end."""

    SHOWN = "completed"
    NOT_BEGUN = "not begun: the broker took no message, and the command says so"
    CANCELLED = "cancelled, or completed where it came too late"
    REVERSED = "completed, or rolled back where it was completed before"


Inflict = Callable[["Scene"], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    `inflict` is a context manager: the fault strikes as it is entered and is taken back as it is left, after `seconds`
    (drawn from this range). `senseless` has the phases in which the fault cannot be, with the reason.
    """

    name: str
    kind: Kind
    inflict: Inflict
    seconds: tuple[float, float] = (0.0, 0.0)
    ending: Ending = Ending.SHOWN
    senseless: Mapping[Phase, str] = field(default_factory=lambda: MappingProxyType({}))
    own_cluster: bool = False
    """The run belongs to a command that has started a cluster for itself."""
    ends_command: bool = False
    """The fault ends the command that follows the run, so its exit status is not that of the run."""
    crashes_server: bool = False
    """Commits of the last second that did not wait for the disk may be taken back (docs/scaling.md)."""
    around: Inflict | None = None
    """What surrounds the whole run, from before its start to its end."""
    until_end: bool = False
    """Taken back only once the command has ended."""
    reads_anew: bool = False
    """Nothing that was read counts after it, so that a resumed run copies all chunks again."""
    replaces: bool = False
    """The run replaces tables that stand there already."""
    known_to_fail: Mapping[Phase, str] = field(default_factory=lambda: MappingProxyType({}))
    """Phases in which the product does not yet do what it promises, with the reason."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault in a phase."""

    fault: Fault
    phase: Phase

    @property
    def name(self) -> str:
        """Name for reports and for pytest."""
        return f"{self.fault.name}, {self.phase.value}"
