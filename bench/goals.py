"""The goals that the results are held against."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contender_names import (
    CONVOY,
    DUCKDB,
    DUCKDB_KEYS,
    ONE_SHOT_CONVOY,
    PGLOADER,
    PSQL,
    UNPROVED,
)
from bench.one_shot import PROGRAM, migrate_once
from bench.processes import FailedError, run_program

KIND = "kind-"
BARE_INSERTS = ("narrow", "wide", "many", "textpk", "text", "blob")
"""Data sets on which the whole proved run is held against DuckDB's INSERT without keys."""


def measure_start(chinook: Path | None, repeat: int) -> dict[str, float]:
    """Return median seconds of starts: of the command line itself, and of a whole embedded run from cold."""
    starts: dict[str, float] = {}
    helps = [run_program([PROGRAM, "--help"]) for _ in range(repeat + 1)][1:]
    starts["help_seconds"] = statistics.median(run.seconds for run in helps)
    starts["help_cpu_seconds"] = statistics.median(run.cpu_seconds for run in helps)
    if chinook is not None:
        seconds: list[float] = []
        for _ in range(repeat):
            with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
                try:
                    seconds.append(migrate_once(chinook, "embedded", Path(folder)).seconds)
                except FailedError:
                    break
        if seconds:
            starts["chinook_cold_seconds"] = statistics.median(seconds)
    return {name: round(value, 3) for name, value in starts.items()}


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted: `value`, in the unit that `name` says, at most `limit`; None where it was not measured."""

    name: str
    value: float | None
    limit: float

    def told(self) -> dict[str, Any]:
        """Return it as the results have it."""
        return {
            "goal": f"{self.name} (at most {self.limit:g})",
            "value": self.value,
            "limit": self.limit,
            "met": None if self.value is None else self.value <= self.limit,
        }


class Figures:
    """Access to what may not have been measured: None then, and so is whatever is computed from it."""

    def __init__(self, results: Mapping[str, Any], starts: Mapping[str, float]) -> None:
        self._results = results
        self.starts = starts

    @property
    def kinds(self) -> list[str]:
        """Names of the data sets of one kind of value each."""
        return [name for name in self._results if name.startswith(KIND)]

    def of(self, data: str, contender: str, *path: str) -> float | None:
        """Return a figure of a contender, its median seconds where no path is given."""
        value: Any = self._results.get(data, {}).get("contenders", {}).get(contender)
        for key in path or ("seconds",):
            value = value.get(key) if value else None
        return None if value is None else float(value)

    def phase(self, data: str, phase: str) -> float | None:
        """Return the seconds of a phase on a running cluster."""
        return self.of(data, CONVOY, "phases_seconds", phase)

    def whole(self, data: str, other: str) -> float | None:
        """Return the ratio of the whole proved run on a running cluster to another's seconds."""
        return ratio(self.of(data, CONVOY), self.of(data, other))

    def copy(self, data: str) -> float | None:
        r"""Return the ratio of the copy phase to psql's \copy over one connection."""
        return ratio(self.phase(data, "copying"), self.of(data, PSQL))

    def per_table(self, data: str) -> float | None:
        """Return the milliseconds of a whole proved run for each table."""
        seconds, tables = self.of(data, CONVOY), self._results.get(data, {}).get("tables")
        return None if seconds is None or not tables else round(1000 * seconds / tables, 1)

    def peak_megabytes(self, *kinds: str) -> float | None:
        """Return the most that a process of these kinds held, on any data set; `one-shot` is any of the command's."""
        peaks = [
            peak
            for result in self._results.values()
            for contender in (CONVOY, ONE_SHOT_CONVOY)
            for kind, peak in result["contenders"].get(contender, {}).get("peak_bytes", {}).items()
            if kind in kinds
        ]
        return round(max(peaks) / 1e6) if peaks else None


def ratio(one: float | None, other: float | None) -> float | None:
    """Return the quotient to two places; None where one is not known."""
    return None if one is None or not other else round(one / other, 2)


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the geometric mean; None unless all are known."""
    known = list(values)
    return None if None in known else round(statistics.geometric_mean(v for v in known if v), 2)


def goals(f: Figures) -> list[Goal]:
    """Return every goal with its value."""
    proved, unproved = f.of("mixed", CONVOY), f.of("mixed", UNPROVED)
    copying = f.phase("mixed", "copying")
    copy_phase = r"copy phase to psql's \copy over one connection"
    whole = "whole proved run"
    return [
        Goal(f"orders, {copy_phase}", f.copy("orders"), 1.0),
        Goal(f"orders, {whole} to pgloader", f.whole("orders", PGLOADER), 0.45),
        Goal(f"orders, {whole} to DuckDB's INSERT with keys", f.whole("orders", DUCKDB_KEYS), 0.9),
        Goal(f"mixed, {copy_phase}", f.copy("mixed"), 0.95),
        Goal(f"mixed, {whole} to pgloader", f.whole("mixed", PGLOADER), 0.42),
        Goal(f"mixed, {whole} to DuckDB's INSERT with keys", f.whole("mixed", DUCKDB_KEYS), 0.75),
        *(Goal(f"{name}, {copy_phase}", f.copy(name), 1.3) for name in f.kinds or [KIND + "..."]),
        Goal(
            "chinook, one-shot command less its phases, seconds",
            f.of("chinook", ONE_SHOT_CONVOY, "outside_phases_seconds"),
            1.0,
        ),
        Goal(
            "chinook, one-shot command to pgloader's process",
            ratio(f.of("chinook", ONE_SHOT_CONVOY), f.of("chinook", PGLOADER)),
            1.0,
        ),
        *(
            Goal(f"{name}, {whole} to DuckDB's bare INSERT", f.whole(name, DUCKDB), 1.8)
            for name in BARE_INSERTS
        ),
        Goal(
            f"{whole} to DuckDB's bare INSERT, geometric mean of these {len(BARE_INSERTS)}",
            _mean(f.whole(name, DUCKDB) for name in BARE_INSERTS),
            1.4,
        ),
        Goal("many, milliseconds for each table", f.per_table("many"), 6.0),
        Goal(f"many, {whole} to pgloader", f.whole("many", PGLOADER), 1.0),
        Goal(f"chinook, {whole} to pgloader", f.whole("chinook", PGLOADER), 1.0),
        Goal("chinook, embedded from a cold start, seconds", f.starts.get("chinook_cold_seconds"), 4.0),
        Goal("mixed with five times the rows, to mixed", ratio(f.of("mixed-x5", CONVOY), proved), 5.1),
        Goal("dirty, to mixed", ratio(f.of("dirty", CONVOY), proved), 1.3),
        # Not by its phase, which overlaps with the building of indexes: by what a run without it saves.
        Goal("mixed, validation to copy phase", ratio(_difference(proved, unproved), copying), 0.5),
        Goal("mixed, profile to copy phase", ratio(f.phase("mixed", "profiling"), copying), 0.4),
        Goal("peak of a worker process, MB", f.peak_megabytes("worker1", "one-shot"), 320),
        Goal("peak of producer or API, MB", f.peak_megabytes("producer", "api"), 200),
        Goal("migration-cli --help, seconds", f.starts.get("help_seconds"), 0.3),
    ]


def judge(results: Mapping[str, Any], starts: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return every goal as the results have it: `met` is None where it was not measured."""
    return [goal.told() for goal in goals(Figures(results, starts))]
