"""The trace that a run is part of: ids by W3C Trace Context (https://www.w3.org/TR/trace-context/).

Whoever asks for a run may name a trace; it is kept with the run. Else the trace has the id of the run: both have 128
bits, so whoever knows a run finds its trace. Ids of phases follow from the run, so that a worker's step can be below a
phase that another process ends.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_SAMPLED: Final = 0x01

current_traceparent: ContextVar[str | None] = ContextVar("convoy_traceparent", default=None)
"""Of the request that this context is at; a run that is created in it belongs to its trace."""


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A span of somebody else: trace and span as numbers, and whether it is recorded."""

    trace_id: int
    span_id: int
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.is_sampled):02x}"


def parse_traceparent(header: str | None) -> TraceParent | None:
    """Return what a `traceparent` says; None where there is none that can be used.

    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id == 0xB7AD6B7169203331
    True
    """
    found = _TRACEPARENT.fullmatch(header or "")
    if found is None:
        return None
    return TraceParent(int(found[1], 16), int(found[2], 16), bool(int(found[3], 16) & _SAMPLED))


def trace_of_run(run_id: str, traceparent: str | None) -> TraceParent:
    """Return trace and root span of a run: in the trace of who asked for it, or in one with the run's own id."""
    parent = parse_traceparent(traceparent)
    trace_id = parent.trace_id if parent else uuid.UUID(run_id).int
    return TraceParent(trace_id, span_of(run_id, "run"), parent.is_sampled if parent else True)


def span_of(run_id: str, name: str) -> int:
    """Return the id of a span that all processes know by its name: ``run``, or a phase."""
    digest = hashlib.sha256(f"{run_id}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") or 1
