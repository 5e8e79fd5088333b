"""The metrics that are read from the ledger: their names, and the few statements that all of them come from.

Names and units follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/). Labels have few values
that are known beforehand, never the id of a run or the name of a table. Counters come from totals that only grow
(`migration/ledger/work_totals.py`), so they outlive every process, and a purge takes nothing from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from migration.ledger.disk_room_notices import DISK_NAMES
from migration.ledger.ledger_database import newest_revision
from migration.ledger.scrape_figures import STEP_PHASES, LedgerFigures
from migration.ledger.work_totals import BOUNDS_SECONDS, REASON_KINDS
from migration.model import FindingKind, Phase

_ENDS: Final = tuple(phase.value for phase in Phase if phase.is_end)

TARGET_LABEL: Final = "target"

Values = Mapping[tuple[str, ...], float]
"""By the values of the labels, in their order."""


@dataclass(frozen=True, slots=True)
class LedgerMetric:
    """One metric; `kind` is counter, gauge or histogram. A counter's name ends in `_total`."""

    name: str
    kind: str
    meaning: str
    read: Callable[[LedgerFigures], Values] | None = None
    labels: tuple[str, ...] = ()
    histogram: tuple[str, str] | None = None
    """Columns of `_TOTALS` with its sum and its buckets."""
    shown: tuple[tuple[str, ...], ...] = field(default=())
    """Shown as 0 where the ledger has none, so that a graph has no hole and a rate no lost beginning."""

    of_target: bool = True
    """Has the label `target` where targets have names; else it is the same in every ledger."""

    def family(self, figures: FiguresOfTargets) -> Metric:
        """Return the metric with its values, of each target that has answered."""
        labels = self.labels
        if not self.of_target:
            figures = dict(list(figures.items())[:1])
        named = self.of_target and None not in figures
        labels = (*labels, TARGET_LABEL) if named else labels
        family: CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
        if self.histogram is not None:
            family = HistogramMetricFamily(self.name, self.meaning, labels=labels)
            for target, of_one in figures.items():
                _add_histogram(family, self, of_one, [str(target)] if named else [])
            return family
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = kind(self.name, self.meaning, labels=labels)
        for target, of_one in figures.items():
            values = dict.fromkeys(self.shown, 0.0) | dict(self.read(of_one) if self.read else {})
            for known, value in values.items():
                family.add_metric((*known, str(target)) if named else known, value)
        return family


FiguresOfTargets = Mapping[str | None, LedgerFigures]
"""By the name of the target; None, alone, where targets have no names."""


def _add_histogram(
    family: HistogramMetricFamily, metric: LedgerMetric, figures: LedgerFigures, more: list[str]
) -> None:
    total, buckets = metric.histogram or ("", "")
    for phase, rows in figures.all_steps.items():
        counted = [0] * len(BOUNDS_SECONDS)
        for row in rows:
            for array in getattr(row, buckets):
                for nth, number in enumerate(array):
                    counted[nth] += number
        ends = [(str(bound), number) for bound, number in zip(BOUNDS_SECONDS, counted, strict=True)]
        steps = max([sum(int(row.steps) for row in rows), *counted])
        seconds = float(sum(getattr(row, total) for row in rows))
        family.add_metric([phase, *more], [*ends, ("+Inf", steps)], seconds)


def _sum_of(column: str, phase: Phase) -> Callable[[LedgerFigures], Values]:
    def read(figures: LedgerFigures) -> Values:
        row = figures.migrated.get(phase.value)
        return {(): float(getattr(row, column)) if row is not None else 0.0}

    return read


def _happened(name: str, *, labelled: bool = True) -> Callable[[LedgerFigures], Values]:
    def read(figures: LedgerFigures) -> Values:
        found = {label: float(value) for (kind, label), value in figures.happened.items() if kind == name}
        return {(label,): value for label, value in found.items()} if labelled else {(): sum(found.values())}

    return read


def _all_findings(figures: LedgerFigures) -> Values:
    return {(): float(sum(value for (name, _), value in figures.happened.items() if name == "findings"))}


def _each(values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values)


_PHASE: Final = ("phase",)
_rows_copied = _sum_of("rows", Phase.COPYING)
_rows_quarantined = _sum_of("rows_quarantined", Phase.COPYING)
_bytes_copied = _sum_of("bytes", Phase.COPYING)

LEDGER_METRICS: Final = (
    LedgerMetric(
        "convoy_rows_copied_total",
        "counter",
        "Rows that were loaded into PostgreSQL by copying, and committed; those that were read and kept out are in"
        " convoy_rows_quarantined_total.",
        _rows_copied,
    ),
    LedgerMetric(
        "convoy_bytes_copied_total", "counter", "Bytes that were sent to PostgreSQL by COPY.", _bytes_copied
    ),
    LedgerMetric(
        "convoy_rows_verified_total",
        "counter",
        "Rows that were read back from PostgreSQL to be compared.",
        _sum_of("rows", Phase.VALIDATING),
    ),
    LedgerMetric(
        "convoy_rows_quarantined_total",
        "counter",
        "Rows that were read and kept out of PostgreSQL.",
        _rows_quarantined,
    ),
    LedgerMetric(
        "convoy_values_quarantined_total",
        "counter",
        "Values that kept their rows out of PostgreSQL, by the kind of the reason.",
        _happened("values_quarantined"),
        ("reason",),
        shown=_each(REASON_KINDS),
    ),
    LedgerMetric(
        "convoy_validation_findings_total",
        "counter",
        "Findings, by kind.",
        _happened("findings"),
        ("kind",),
        shown=_each(tuple(kind.value for kind in FindingKind)),
    ),
    LedgerMetric(
        "convoy_step_seconds",
        "histogram",
        "Time that a worker was at a step, from claim to commit: a chunk, an index, a part that was read back.",
        labels=_PHASE,
        histogram=("seconds", "seconds_buckets"),
    ),
    LedgerMetric(
        "convoy_step_queue_seconds",
        "histogram",
        "Time from the sending of a step to its claim by a worker.",
        labels=_PHASE,
        histogram=("waited", "waited_buckets"),
    ),
    LedgerMetric(
        "convoy_step_attempts_failed_total",
        "counter",
        "Attempts at steps that failed; those that could pass were tried again.",
        _happened("attempts_failed"),
        _PHASE,
        shown=_each(STEP_PHASES),
    ),
    LedgerMetric(
        "convoy_steps_failed_total",
        "counter",
        "Steps that failed for good, and their runs with them.",
        _happened("steps_failed"),
        _PHASE,
        shown=_each(STEP_PHASES),
    ),
    LedgerMetric(
        "convoy_step_leases_expired_total",
        "counter",
        "Steps that were sent again because their worker had died.",
        _happened("leases_expired"),
        _PHASE,
        shown=_each(STEP_PHASES),
    ),
    LedgerMetric(
        "convoy_step_messages_lost_total",
        "counter",
        "Steps that were sent again because their message was gone.",
        _happened("messages_lost"),
        _PHASE,
        shown=_each(STEP_PHASES),
    ),
    LedgerMetric(
        "convoy_workers_stopped_total",
        "counter",
        "Silent workers whose connections were ended.",
        _happened("workers_stopped", labelled=False),
    ),
    LedgerMetric(
        "convoy_runs_started_total",
        "counter",
        "Runs that were asked for.",
        _happened("runs_started", labelled=False),
    ),
    LedgerMetric(
        "convoy_runs_ended_total",
        "counter",
        "Runs that came to an end, by that end; one that was resumed may come to several.",
        _happened("runs_ended"),
        _PHASE,
        shown=_each(_ENDS),
    ),
    LedgerMetric(
        "convoy_runs",
        "gauge",
        "Runs in the ledger, by phase.",
        lambda figures: {(phase,): float(number) for phase, number in figures.runs.items()},
        _PHASE,
        shown=_each(tuple(phase.value for phase in Phase)),
    ),
    LedgerMetric(
        "convoy_open_steps",
        "gauge",
        "What a queue's processes have to do: steps for `copy`, runs for `control`; waiting or running.",
        lambda figures: {key: float(number) for key, number in figures.waiting.items()},
        ("queue", "state"),
    ),
    LedgerMetric(
        "convoy_progress_age_seconds",
        "gauge",
        "Of the running run that was quiet for longest: time since a worker took a step of it or its phase changed.",
        lambda figures: {(): figures.quiet_seconds},
    ),
    LedgerMetric(
        "convoy_producers_alive",
        "gauge",
        "Producers that have given a sign of life in the last 35 s.",
        lambda figures: {(): float(figures.producers)},
    ),
    LedgerMetric(
        "convoy_workers_alive",
        "gauge",
        "Workers that have given a sign of life in the last 35 s.",
        lambda figures: {(): float(figures.workers)},
    ),
    LedgerMetric(
        "convoy_disk_full",
        "gauge",
        "1 where processes wait for room on a disk, by disk.",
        lambda figures: {(disk,): float(disk in figures.full_disks) for disk in DISK_NAMES},
        ("disk",),
    ),
    LedgerMetric(
        "convoy_build_info",
        "gauge",
        "Always 1; version of Convoy, and of the ledger.",
        lambda _: {(version("convoy-migrate"), newest_revision()): 1.0},
        ("version", "ledger"),
        of_target=False,
    ),
    # Names of the version before, for one more: gauges that tell the same as the counters.
    LedgerMetric(
        "convoy_rows_copied",
        "gauge",
        "Deprecated, gone with 0.4.0: see convoy_rows_copied_total.",
        _rows_copied,
    ),
    LedgerMetric(
        "convoy_rows_quarantined",
        "gauge",
        "Deprecated, gone with 0.4.0: see convoy_rows_quarantined_total.",
        _rows_quarantined,
    ),
    LedgerMetric(
        "convoy_bytes_copied",
        "gauge",
        "Deprecated, gone with 0.4.0: see convoy_bytes_copied_total.",
        _bytes_copied,
    ),
    LedgerMetric(
        "convoy_findings",
        "gauge",
        "Deprecated, gone with 0.4.0: see convoy_validation_findings_total.",
        _all_findings,
    ),
)


def families(figures: FiguresOfTargets) -> Iterator[Metric]:
    """Yield all metrics of the ledgers with their values."""
    for metric in LEDGER_METRICS:
        yield metric.family(figures)
