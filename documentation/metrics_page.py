"""docs/reference/metrics.md: every metric of `/metrics`, from the modules that declare them."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from prometheus_client.metrics import MetricWrapperBase

from documentation.markdown_parts import choices, code, linked, page, table

ROOMS: Final = ("api", "migration", "producer", "worker")


@dataclass(frozen=True, slots=True, order=True)
class MetricLine:
    """A metric as a scrape shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    of_ledger: bool
    """Read from the ledger; else counted by the API process that is asked."""


def metric_lines() -> tuple[MetricLine, ...]:
    """Return every metric that a module with `metrics` in its name declares, sorted by name."""
    found: set[MetricLine] = set()
    for room in ROOMS:
        package = import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if "metric" in module.name.rpartition(".")[2]:
                for value in vars(import_module(module.name)).values():
                    found |= set(_declared(value))
    return tuple(sorted(found))


def _declared(value: Any) -> Iterator[MetricLine]:
    """Yield the metrics of a value of a module: a collector of prometheus_client, a record of our own, or many."""
    if isinstance(value, tuple | list | frozenset):
        for item in value:
            yield from _declared(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _declared(item)
    elif isinstance(value, MetricWrapperBase):
        for family in value.describe():
            suffix = "_total" if family.type == "counter" else ""
            labels = tuple(value._labelnames)  # noqa: SLF001  # it has no public name
            yield MetricLine(
                f"{family.name}{suffix}", family.type, labels, family.documentation, of_ledger=False
            )
    elif str(getattr(value, "name", "")).startswith("convoy_") and isinstance(
        getattr(value, "meaning", None), str
    ):
        labels = getattr(value, "labels", None) or getattr(value, "label", None) or ()
        labels = (labels,) if isinstance(labels, str) else tuple(labels)
        yield MetricLine(
            value.name, str(getattr(value, "kind", "gauge")), labels, value.meaning, of_ledger=True
        )


def metrics_page() -> str:
    """Return the page."""
    return page(
        "Metrics",
        "What `GET /metrics` of the API answers, in Prometheus' text format. How to scrape it, the board, the alerts"
        " and what counters promise: [observability](../observability.md#metrics).",
        ["## Of the ledger", "", "The same whichever API is asked; they outlive every process.", ""],
        _lines(of_ledger=True),
        ["## Of the API process", "", "They begin at 0 with the process that is asked.", ""],
        _lines(of_ledger=False),
    )


def _lines(*, of_ledger: bool) -> list[str]:
    return table(
        ("metric", "type", "labels", "meaning"),
        (
            (code(line.name), line.kind, choices(line.labels), linked(line.meaning))
            for line in metric_lines()
            if line.of_ledger is of_ledger
        ),
    )
