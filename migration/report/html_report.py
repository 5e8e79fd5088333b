"""Report → report.html: one file that needs no network, works from file:// and prints.

The template only lays out; places and lengths of bars are worked out here. Everything passes through autoescape and
through `shown_text`, and a content security policy in the page forbids whatever might slip through to run, to load or
to send anything: of what stands inside the page it names the one style and the one script by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from migration.model import Mode
from migration.report.report_model import Report, TableReport
from migration.report.text_formatting import count, duration, phrase, shown_text, size
from migration.report.timeline_model import WorkSpan
from migration.report.verdict_parts import describe_part

TEMPLATE: Final = "report.html.j2"
THINNEST_BAR_PERCENT: Final = 0.25
"""A bar that is there must be seen."""
LANES_SHOWN: Final = 64
OPEN_BELOW: Final = 6
"""With fewer tables than this their columns are shown at once."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a time line, in percent of the run."""

    phase: str
    left: float
    width: float
    title: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """What one worker did. `busy_percent` is of the whole run."""

    worker: str
    bars: tuple[Bar, ...]
    busy_percent: float
    steps: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """A table with the lengths of its bar, in percent of the largest table."""

    table: TableReport
    state: str
    loaded_percent: float
    quarantined_percent: float
    rest_percent: float


def phase_bars(report: Report) -> tuple[Bar, ...]:
    """Return the stays in each phase as bars."""
    total = _total_seconds(report)
    return tuple(
        Bar(
            span.name,
            *_place(span.start, span.end, total),
            f"{phrase(span.name)}: {duration(span.end - span.start)}",
        )
        for span in report.timeline.phases
    )


def lanes(report: Report) -> tuple[Lane, ...]:
    """Return one lane for each worker, the first to start on top."""
    total = _total_seconds(report)
    by_worker: dict[str, list[WorkSpan]] = {}
    for span in sorted(report.timeline.work, key=lambda span: span.start):
        by_worker.setdefault(span.worker, []).append(span)
    return tuple(
        Lane(
            worker,
            tuple(
                Bar(span.phase, *_place(span.start, span.end, total), _span_title(span), bool(span.failed))
                for span in spans
            ),
            round(100 * min(sum(span.end - span.start for span in spans) / total, 1.0), 1),
            sum(span.steps for span in spans),
        )
        for worker, spans in by_worker.items()
    )


def _span_title(span: WorkSpan) -> str:
    tables = f" ({', '.join(span.tables)})" if span.tables else ""
    failed = f", {span.failed} failed" if span.failed else ""
    spent = duration(span.end - span.start)
    return f"{phrase(span.phase)}: {count(span.steps, 'step')} in {spent}{failed}{tables}"


def _total_seconds(report: Report) -> float:
    ends = [span.end for span in report.timeline.phases] + [span.end for span in report.timeline.work]
    return max([report.seconds, *ends, 0.001])


def _place(start: float, end: float, total: float) -> tuple[float, float]:
    width = min(max(100 * (end - start) / total, THINNEST_BAR_PERCENT), 100.0)
    return round(min(100 * start / total, 100 - width), 3), round(width, 3)


def table_rows(report: Report) -> tuple[TableRow, ...]:
    """Return the tables with the parts of their bars: in the target, in quarantine, not (yet) there."""
    largest = max((table.rows_source for table in report.tables), default=0) or 1
    rows = []
    for table in report.tables:
        arrived = {
            Mode.MIGRATE: table.rows_loaded,
            Mode.DRY_RUN: table.rows_source - table.rows_quarantined,
            Mode.VALIDATE: min(table.rows_target or 0, table.rows_source),
        }[report.mode]
        rest = max(table.rows_source - arrived - table.rows_quarantined, 0)
        parts = (100 * part / largest for part in (arrived, table.rows_quarantined, rest))
        rows.append(
            TableRow(
                table,
                table_state(table),
                *(max(part, THINNEST_BAR_PERCENT) if part else 0.0 for part in parts),
            )
        )
    return tuple(rows)


def table_state(table: TableReport) -> str:
    """Return the word for the table's last column: equal, different, partial (quarantine) or open."""
    if table.equal is False or table.conserved is False:
        return "different"
    if table.equal is None:
        return "open"
    return "partial" if table.rows_quarantined else "equal"


@dataclass(frozen=True, slots=True)
class _Inline:
    """A style or script that stands in the page: its text, and what a policy calls it (CSP 3, section 6.7.3.3)."""

    text: Markup
    source: str


@lru_cache(maxsize=2)
def _inline(name: str) -> _Inline:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return _Inline(Markup(text), f"'sha256-{digest}'")  # noqa: S704 # nosec B704 - files of this package


def report_policy() -> str:
    """Return the content security policy of the page: no style, script or attribute runs but its own two."""
    return (
        f"default-src 'none'; style-src {_inline('report.css').source}; script-src {_inline('report.js').source};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def _finalized(value: object) -> object:
    return shown_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=size,
        duration=duration,
        count=count,
        phrase=phrase,
        describe_part=describe_part,
    )
    return environment.get_template(TEMPLATE)


def render_html(report: Report) -> str:
    """Return the page."""
    workers = lanes(report)
    return _template().render(
        report=report,
        policy=Markup(report_policy()),  # noqa: S704 # nosec B704 - hashes, words of this file
        style=_inline("report.css").text,
        script=_inline("report.js").text,
        is_migration=report.mode is Mode.MIGRATE,
        is_dry_run=report.mode is Mode.DRY_RUN,
        is_validation=report.mode is Mode.VALIDATE,
        rows=table_rows(report),
        phase_bars=phase_bars(report),
        lanes=workers[:LANES_SHOWN],
        lanes_left=len(workers) - LANES_SHOWN,
        scores=report.object_scores,
        total_seconds=_total_seconds(report),
        open_columns=len(report.tables) < OPEN_BELOW,
        several_sources=len(report.sources) > 1,
        compared=[table for table in report.tables if table.digest_source or table.digest_target],
    )
