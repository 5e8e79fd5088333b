"""What is written down of a data set: medians and single runs of each contender; and how it is shown on a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.contender import Measured
from bench.contender_names import CONVOY
from bench.processes import last_line


def summary(runs: Sequence[Measured], rows: int, source_bytes: int) -> dict[str, Any]:
    """Return medians, the worst peaks, and every run."""
    seconds = statistics.median(run.seconds for run in runs)
    kinds = sorted({kind for run in runs for kind in run.peak_bytes})
    outside = [run.outside_phases_seconds for run in runs]
    return {
        "seconds": round(seconds, 3),
        "seconds_all": [round(run.seconds, 3) for run in runs],
        "rows_per_second": round(rows / seconds),
        "megabytes_per_second": round(source_bytes / seconds / 1e6, 1),
        "client_cpu_seconds": round(statistics.median(run.client_cpu_seconds for run in runs), 3),
        "server_cpu_seconds": round(statistics.median(run.server_cpu_seconds for run in runs), 3),
        "rows_in_target": runs[-1].rows,
        "peak_bytes": {kind: max(run.peak_bytes.get(kind, 0) for run in runs) for kind in kinds},
        "together_bytes": max(run.together_bytes for run in runs),
        "phases_seconds": {
            phase: round(statistics.median(run.phases.get(phase, 0.0) for run in runs), 3)
            for phase in runs[0].phases
        },
        "outside_phases_seconds": _median(outside),
        "left_seconds": round(statistics.median(run.left_seconds for run in runs), 3),
        "note": runs[-1].note,
        "runs": [asdict(run) for run in runs],
    }


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None


def show(name: str, result: Mapping[str, Any], console: Console) -> None:
    """Print one data set's results; ratios are of seconds, against Convoy's whole run on a running cluster."""
    table = Table(title=f"{name}: {result['what']}", title_justify="left", box=None, pad_edge=False)
    for column in (
        "",
        "seconds",
        "x Convoy",
        "rows/s",
        "MB/s",
        "client CPU s",
        "server CPU s",
        "peak MB",
        "all MB",
    ):
        table.add_column(column, justify="left" if not column else "right")
    whole = result["contenders"].get(CONVOY, {}).get("seconds")

    def line(label: str, seconds: float, *rest: str) -> None:
        ratio = f"{seconds / whole:.2f}" if whole else ""
        speed = (f"{result['rows'] / seconds:,.0f}", f"{result['sqlite_bytes'] / seconds / 1e6:.1f}")
        table.add_row(label, f"{seconds:.2f}", ratio, *speed, *rest)

    for contender, one in result["contenders"].items():
        other = " (other values)" if result["same_values"].get(contender) is False else ""
        peak = max(one["peak_bytes"].values(), default=0) / 1e6
        line(
            contender + other,
            one["seconds"],
            f"{one['client_cpu_seconds']:.2f}",
            f"{one['server_cpu_seconds']:.2f}",
            f"{peak:.0f}",
            f"{one['together_bytes'] / 1e6:.0f}",
        )
        if copying := one["phases_seconds"].get("copying"):
            line("  its copy phase alone", copying)
        if one["outside_phases_seconds"]:
            line("  outside its phases", one["outside_phases_seconds"])
    console.print(table)
    for contender, why in result["failed"].items():
        console.print(f"{contender}: failed: {last_line(why)}", markup=False)
    console.print(f"All of it: {result['bench_seconds']:.0f} s.\n")
