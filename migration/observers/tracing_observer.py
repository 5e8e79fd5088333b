"""Makes spans of what happens: one trace for each run, with its phases, and in them its steps."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from migration.model import Phase
from migration.observers.run_happenings import (
    Happening,
    ObservedStep,
    PhaseEntered,
    StepAttemptFailed,
    StepDone,
    StepHappening,
)
from migration.trace_context import TraceParent, parse_traceparent, span_of, trace_of_run
from migration.trace_export import Attributes, Tracing, active_tracing

_FAILED = frozenset({Phase.FAILED, Phase.CANCELLED})


class TracingObserver:
    """An observer for processes that send traces; where they do not, it does nothing."""

    def observe(self, happening: Happening) -> None:
        """Send a span, where the happening ends one."""
        tracing = active_tracing()
        if tracing is None:
            return
        if isinstance(happening, StepDone | StepAttemptFailed):
            _step(tracing, happening)
        elif isinstance(happening, PhaseEntered) and happening.left is not None:
            _phase(tracing, happening)


def _step(tracing: Tracing, happening: StepDone | StepAttemptFailed) -> None:
    step = happening.step
    run = trace_of_run(step.run_id, step.traceparent)
    parent = TraceParent(run.trace_id, span_of(step.run_id, step.phase.value), run.is_sampled)
    ended = time.time_ns()
    span = tracing.begin(f"{step.phase} step", parent=parent, started_ns=ended - int(happening.seconds * 1e9))
    error = happening.reason if isinstance(happening, StepAttemptFailed) else None
    tracing.end(span, _of_step(step) | _moved(happening), error=error, ended_ns=ended)


def _of_step(step: ObservedStep) -> dict[str, str | int | float | None]:
    return {
        "convoy.run": step.run_id,
        "convoy.phase": step.phase.value,
        "convoy.step": step.id,
        "convoy.source": step.source,
        "convoy.table": step.table,
        "convoy.chunk": step.chunk,
        "convoy.attempt": step.attempts,
        "convoy.worker": step.worker,
        "convoy.about": step.about or None,
    }


def _moved(happening: StepHappening) -> dict[str, str | int | float | None]:
    if not isinstance(happening, StepDone):
        return {}
    return {
        "convoy.rows": happening.rows,
        "convoy.rows_quarantined": happening.rows_quarantined,
        "convoy.bytes": happening.bytes,
    }


def _phase(tracing: Tracing, happening: PhaseEntered) -> None:
    """Send the phase that a run has left, and at an end the run itself.

    A phase that a run was in before, and a second end, get an id by chance: the known one was sent already.
    """
    left, passage = happening.left, happening.passage
    if left is None or passage is None:
        return
    run = trace_of_run(happening.run_id, passage.traceparent)
    attributes: Attributes = {"convoy.run": happening.run_id, "convoy.phase": left.value}
    error = f"The run is {happening.phase}" if happening.phase in _FAILED else None
    if not left.is_end:
        span = tracing.begin(
            left.value,
            parent=run,
            span_id=span_of(happening.run_id, left.value) if passage.visits <= 1 else None,
            started_ns=_ns(passage.left_since),
        )
        tracing.end(span, attributes, error=error)
    if happening.phase.is_end:
        above = parse_traceparent(passage.traceparent)
        span = tracing.begin(
            "run",
            parent=above,
            trace_id=run.trace_id,
            span_id=run.span_id if passage.ends == 0 else None,
            started_ns=_ns(passage.created_at),
        )
        tracing.end(span, {"convoy.run": happening.run_id, "convoy.end": happening.phase.value}, error=error)


def _ns(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1e9)
