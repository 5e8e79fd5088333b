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
            yield MetricLine(f"{family.name}{suffix}", family.type, labels, family.documentation)
    elif str(getattr(value, "name", "")).startswith("convoy_") and isinstance(
        getattr(value, "meaning", None), str
    ):
        labels = getattr(value, "labels", None) or getattr(value, "label", None) or ()
        labels = (labels,) if isinstance(labels, str) else tuple(labels)
        yield MetricLine(value.name, str(getattr(value, "kind", "gauge")), labels, value.meaning)


def metrics_page() -> str:
    """Return the page."""
    return page(
        "Metrics",
        "What `GET /metrics` of the API answers, in Prometheus' text format. It needs the token: in Prometheus,"
        " `authorization: {credentials_file: ...}`. Figures of runs are read from the ledger, so they are the same"
        " whichever process is asked, and survive its restart.",
        table(
            ("metric", "type", "labels", "meaning"),
            (
                (code(line.name), line.kind, choices(line.labels), linked(line.meaning))
                for line in metric_lines()
            ),
        ),
    )
