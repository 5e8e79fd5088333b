"""What can happen to a run, its phases and its steps, as frozen values.

Seconds are wall-clock time, bytes and rows are counts. None stands for what is not known there, or not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from migration.convoy_error import ConvoyError
from migration.model import Phase


@dataclass(frozen=True, slots=True)
class ObservedStep:
    """A step in the hands of a worker. `attempts` counts this one; the ids are those of the ledger.

    What people know it by comes last: label of the source, name of the table, position of the chunk in it, and what
    else it is about, such as the index that it builds.
    """

    run_id: str
    phase: Phase
    id: int
    table_id: int | None
    chunk_id: int | None
    attempts: int
    worker: str
    source: str | None = None
    table: str | None = None
    chunk: int | None = None
    about: str = ""
    traceparent: str | None = None
    """Of the request that asked for the run."""

    @property
    def part(self) -> str:
        """What the step is about, in words: ``table book of source school, chunk 4``."""
        of_source = f" of source {self.source}" if self.source else ""
        parts = [f"table {self.table}{of_source}"] if self.table else []
        parts += [f"chunk {self.chunk}"] if self.chunk is not None else []
        parts += [self.about] if self.about else []
        return ", ".join(parts) or f"step {self.id}"


def step_fields(step: ObservedStep) -> dict[str, str | int | None]:
    """Return a step as fields of a log line; None for what does not apply."""
    return {
        "run": step.run_id,
        "phase": step.phase.value,
        "step": step.id,
        "source": step.source,
        "table": step.table,
        "chunk": step.chunk,
        "attempt": step.attempts,
        "worker": step.worker,
    }


@dataclass(frozen=True, slots=True)
class StepHappening:
    """Something happened to a step."""

    step: ObservedStep

    @property
    def run_id(self) -> str:
        """The run that the step is of."""
        return self.step.run_id


@dataclass(frozen=True, slots=True)
class StepClaimed(StepHappening):
    """A worker has taken a step."""


@dataclass(frozen=True, slots=True)
class StepDone(StepHappening):
    """A step is committed together with its work.

    `table` is a name in the source. `rows` were read in profiling, stored in copying, read back in validating.
    `bytes` are those of the values in profiling, and those that were sent in copying.
    """

    seconds: float
    table: str | None
    rows: int | None
    rows_quarantined: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class StepAttemptFailed(StepHappening):
    """The work of a step ended with an error, and nothing of it stays. The ledger does not know of it yet."""

    reason: str
    cause: Exception
    final: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class StepGivenBack(StepHappening):
    """The ledger has a step back: it waits to be sent again, or has failed for good (`final`)."""

    error: ConvoyError
    final: bool


@dataclass(frozen=True, slots=True)
class RunHappening:
    """Something happened to a run."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A run's way so far: since when it was in the phase that it left, how often, and how often it was at an end."""

    created_at: datetime
    traceparent: str | None
    left_since: datetime
    visits: int
    ends: int


@dataclass(frozen=True, slots=True)
class PhaseEntered(RunHappening):
    """A run is in a phase, or at an end: cancelled and rolled back are phases, too. `left` is None for a new run."""

    phase: Phase
    left: Phase | None
    passage: Passage | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RunPlanned(RunHappening):
    """Types and DDL are decided, and the copying is laid out. Counts of tables and chunks."""

    tables: int
    chunks: int


@dataclass(frozen=True, slots=True)
class StepsSent(RunHappening):
    """Steps of a phase go to the workers, in so many messages."""

    phase: Phase
    messages: int
    steps: int


@dataclass(frozen=True, slots=True)
class StepsRecovered(RunHappening):
    """Steps will be sent again: so many whose worker died (`lost`), so many whose message is gone (`stalled`)."""

    phase: Phase
    lost: int
    stalled: int


@dataclass(frozen=True, slots=True)
class WorkerStopped(RunHappening):
    """The connections of a silent worker were ended. `part` names what it held, `sentence` says so to a reader."""

    step_id: int
    part: str
    worker: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RunMoveFailed(RunHappening):
    """A run could not be moved on: it fails (`final`), or the watchdog tries again.

    The ledger does not know of it yet. `cause` is None where the reason says it all.
    """

    phase: Phase
    reason: str
    cause: Exception | None
    final: bool


@dataclass(frozen=True, slots=True)
class RunWaiting(RunHappening):
    """Something holds a run up, and may pass."""

    phase: Phase
    reason: str


@dataclass(frozen=True, slots=True)
class RunFailed(RunHappening):
    """A run has stopped without proof, in this phase."""

    phase: Phase
    error: ConvoyError


@dataclass(frozen=True, slots=True)
class RunPaused(RunHappening):
    """Somebody asked that no more steps of a run are started; it stays in this phase."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class RunResumed(RunHappening):
    """A run goes on in this phase; its unfinished steps have all their attempts again."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class RunCutoverAsked(RunHappening):
    """Somebody asked for the cutover of a run that is held, or for another try of it."""


@dataclass(frozen=True, slots=True)
class QuarantineRetried(RunHappening):
    """Quarantined rows were tried again: so many went into the target, so many remain."""

    stored: int
    remaining: int


@dataclass(frozen=True, slots=True)
class RunActed(RunHappening):
    """A person has done something to a run, or had it done. `data` is JSON that belongs to the act."""

    act: str
    person: str
    host: str
    convoy_version: str
    data: dict[str, Any]


Happening = StepHappening | RunHappening
