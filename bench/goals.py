"""The goals that the results are held against."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.processes import FailedError, run_program

_WORKER_BYTES = 400 * 10**6
_OTHER_BYTES = 200 * 10**6


def measure_start(chinook: Path | None, repeat: int) -> dict[str, float]:
    """Return median seconds of starts: of the command line itself, and of a whole embedded run from cold."""
    program = str(Path(sys.executable).with_name("migration-cli"))
    starts: dict[str, float] = {}
    helps = [run_program([program, "--help"]) for _ in range(repeat + 1)][1:]
    starts["help_seconds"] = statistics.median(run.seconds for run in helps)
    starts["help_cpu_seconds"] = statistics.median(run.cpu_seconds for run in helps)
    if chinook is not None:
        seconds: list[float] = []
        for _ in range(repeat):
            with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
                environment = {
                    f"MIGRATION_{name.upper()}_DIR": f"{folder}/{name}"
                    for name in ("snapshot", "report", "embedded")
                }
                arguments = [
                    program,
                    "migrate",
                    "--source",
                    str(chinook.absolute()),
                    "--target-url",
                    "embedded",
                ]
                try:
                    seconds.append(run_program(arguments, environment=environment).seconds)
                except FailedError:
                    break
        if seconds:
            starts["chinook_cold_seconds"] = statistics.median(seconds)
    return {name: round(value, 3) for name, value in starts.items()}


class _Results:
    """Access to what may not have been measured: None then, and so is whatever is computed from it."""

    def __init__(self, results: dict[str, Any]) -> None:
        self._results = results

    def of(self, data: str, contender: str, *path: str) -> float | None:
        value: Any = self._results.get(data, {}).get("contenders", {}).get(contender)
        for key in path or ("seconds",):
            value = value.get(key) if value else None
        return None if value is None else float(value)

    def phase(self, data: str, phase: str) -> float | None:
        return self.of(data, "Convoy", "phases_seconds", phase)

    def peak(self, *kinds: str) -> float | None:
        peaks = [
            peak
            for result in self._results.values()
            for kind, peak in result["contenders"].get("Convoy", {}).get("peak_bytes", {}).items()
            if kind in kinds
        ]
        return max(peaks, default=None)


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else round(one / other, 2)


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def judge(results: dict[str, Any], starts: dict[str, float]) -> list[dict[str, Any]]:
    """Return every goal with its value, and whether it is met; `met` is None where it was not measured."""
    r = _Results(results)
    copying = r.phase("mixed", "copying")
    proved, unproved = r.of("mixed", "Convoy"), r.of("mixed", "Convoy, unproved")
    worker, others = r.peak("worker1"), r.peak("producer", "api")
    goals: list[tuple[str, float | None, float]] = [
        (
            r"copy phase on mixed, seconds to psql \copy over one connection",
            _ratio(copying, r.of("mixed", r"psql \copy x1")),
            1.0,
        ),
        (
            "whole proved run on mixed, seconds to pgloader",
            _ratio(proved, r.of("mixed", "pgloader")),
            0.5,
        ),
        (
            "whole proved run on mixed, seconds to DuckDB's bare INSERT",
            _ratio(proved, r.of("mixed", "DuckDB INSERT")),
            1.3,
        ),
        # Not by its phase, which overlaps with the building of indexes: by what a run without it saves.
        ("validation to copy phase on mixed", _ratio(_difference(proved, unproved), copying), 0.5),
        ("profile to copy phase on mixed", _ratio(r.phase("mixed", "profiling"), copying), 0.4),
        (
            "many on a running cluster, to pgloader",
            _ratio(r.of("many", "Convoy"), r.of("many", "pgloader")),
            1.0,
        ),
        (
            "chinook on a running cluster, to pgloader",
            _ratio(r.of("chinook", "Convoy"), r.of("chinook", "pgloader")),
            1.0,
        ),
        ("chinook embedded from a cold start, seconds", starts.get("chinook_cold_seconds"), 4.0),
        (
            "five times the rows of mixed, to mixed",
            _ratio(r.of("mixed-x5", "Convoy"), r.of("mixed", "Convoy")),
            5.3,
        ),
        ("dirty, to mixed", _ratio(r.of("dirty", "Convoy"), r.of("mixed", "Convoy")), 1.3),
        (
            "peak of a worker process, MB",
            None if worker is None else round(worker / 1e6),
            _WORKER_BYTES / 1e6,
        ),
        ("peak of producer or API, MB", None if others is None else round(others / 1e6), _OTHER_BYTES / 1e6),
        ("migration-cli --help, seconds", starts.get("help_seconds"), 0.3),
    ]
    return [
        {
            "goal": f"{name} (at most {limit:g})",
            "value": value,
            "limit": limit,
            "met": None if value is None else value <= limit,
        }
        for name, value, limit in goals
    ]
