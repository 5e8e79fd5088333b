"""When what happened: phases from the log of events, work of each worker from its steps. Pure.

A large run has 100,000 steps, and a page shows a few hundred bars: steps of one worker and phase that follow each other
closely become one span.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from migration.model import Phase
from migration.report.report_model import PhaseReport
from migration.report.text_formatting import printable
from migration.report.timeline_model import PhaseSpan, Timeline, WorkSpan
from migration.source_table_names import TableNames

SPANS_PER_WORKER = 200
"""Gaps shorter than this share of the run are not worth a new bar."""
TABLES_PER_SPAN = 5


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """An event of kind `phase`: from now on the run is in it."""

    at: datetime
    phase: Phase


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at a step that has come to an end, or the time until now of one that has not."""

    worker: str
    phase: str
    start: datetime
    end: datetime
    table: str = ""
    failed: bool = False
    source: str = ""


def phase_spans(changes: Sequence[PhaseChange], origin: datetime, end: datetime) -> tuple[PhaseSpan, ...]:
    """Return the stays in each phase, in seconds since `origin`. An end (completed, failed) lasts no time."""
    spans = []
    followers = [*(change.at for change in changes[1:]), end]
    for change, until in zip(changes, followers, strict=False):
        if change.phase.is_end or until <= origin:
            continue
        start = max((change.at - origin).total_seconds(), 0.0)
        spans.append(PhaseSpan(change.phase.value, start, max((until - origin).total_seconds(), start)))
    return tuple(spans)


def phase_totals(spans: Iterable[PhaseSpan]) -> tuple[PhaseReport, ...]:
    """Return the time in each phase, in the order in which they were first entered."""
    seconds: dict[str, float] = {}
    for span in spans:
        seconds[span.name] = seconds.get(span.name, 0.0) + span.end - span.start
    return tuple(PhaseReport(name, round(total, 3)) for name, total in seconds.items())


def work_spans(works: Iterable[Work], origin: datetime, end: datetime) -> tuple[WorkSpan, ...]:
    """Return what each worker did, with neighbouring steps of a phase joined. `works` may come in any order."""
    gap = max((end - origin).total_seconds() / SPANS_PER_WORKER, 0.001)
    spans: list[WorkSpan] = []
    done = list(works)
    names = TableNames.among(work.source for work in done if work.table)
    shown = (
        replace(work, table=printable(names.table(work.source, work.table)) if work.table else "")
        for work in done
    )
    for work in sorted(shown, key=lambda work: (work.worker, work.start)):
        start = max((work.start - origin).total_seconds(), 0.0)
        stop = max((work.end - origin).total_seconds(), start)
        last = spans[-1] if spans else None
        if last and (last.worker, last.phase) == (work.worker, work.phase) and start - last.end < gap:
            new = (work.table,) if work.table and work.table not in last.tables else ()
            spans[-1] = WorkSpan(
                worker=work.worker,
                phase=work.phase,
                start=last.start,
                end=max(last.end, stop),
                steps=last.steps + 1,
                tables=(*last.tables, *new)[:TABLES_PER_SPAN],
                failed=last.failed + work.failed,
            )
        else:
            tables = (work.table,) if work.table else ()
            spans.append(WorkSpan(work.worker, work.phase, start, stop, 1, tables, int(work.failed)))
    return tuple(spans)


def build_timeline(
    changes: Sequence[PhaseChange], works: Iterable[Work], origin: datetime, end: datetime
) -> Timeline:
    """Return both rows of bars, in seconds since `origin`."""
    return Timeline(phase_spans(changes, origin, end), work_spans(works, origin, end))
