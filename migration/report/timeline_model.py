"""When what happened in a run, as it stands in report.json: a part of `report_model`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """One stay in a phase, in seconds since the run began."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class WorkSpan:
    """Steps of one phase that one worker did without a pause worth showing, in seconds since the run began."""

    worker: str
    phase: str
    start: float
    end: float
    steps: int = 1
    tables: tuple[str, ...] = ()
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """When what happened, and on which worker."""

    phases: tuple[PhaseSpan, ...] = ()
    work: tuple[WorkSpan, ...] = ()
