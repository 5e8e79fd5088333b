"""The measured table of docs/how-to/expected-downtime.md, from bench/results.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.contender_names import CONVOY, ONE_SHOT_CONVOY
from documentation.markdown_parts import table

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "how-to" / "expected-downtime.md"
RESULTS: Final = ROOT / "bench" / "results.json"
_BLOCK: Final = re.compile(r"(<!-- downtime: [^>]*-->\n).*?(<!-- end of downtime -->)", re.DOTALL)
_SHOWN: Final = ("chinook", "many", "textpk", "mixed", "wide", "text", "orders", "blob")
"""Data sets of the bench, from small to large; those of single types say nothing about downtime."""


def expected_downtime_page() -> str:
    """Return the page with its table made anew."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))["data_sets"]
    head = ("database", "size", "run", "of it: snapshot", "cutover")
    lines = "\n".join(table(head, _rows(results)))
    return _BLOCK.sub(lambda block: f"{block[1]}\n{lines}\n{block[2]}", PAGE.read_text(encoding="utf-8"))


def _rows(results: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name in _SHOWN:
        measured = results[name]
        runs = measured["contenders"]
        cluster = runs[CONVOY]
        seconds = runs.get(ONE_SHOT_CONVOY, cluster)["seconds"]
        note = "" if ONE_SHOT_CONVOY in runs else " on a cluster"
        phases = cluster["phases_seconds"]
        yield (
            measured["what"],
            f"{measured['sqlite_bytes'] / 1e6:,.0f} MB",
            f"{seconds:.1f} s{note}",
            f"{phases['snapshotting']:.1f} s",
            f"{phases['cutting_over'] * 1000:.0f} ms",
        )
