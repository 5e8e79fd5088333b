"""The benchmark's parts measure what they say."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from bench.copy import Measured, main, summarise
from bench.datasets import mixed_database
from bench.memory import MemoryWatch
from bench.server import MissingProgramError


def run_of(copy_seconds: float, peak: int) -> Measured:
    return Measured({"copying": copy_seconds, "validating": 1.0}, copy_seconds - 0.1, peak, peak * 2)


def test_results_are_medians_and_the_worst_peak() -> None:
    runs = [run_of(3.0, 100), run_of(2.0, 300), run_of(9.0, 200)]
    results = summarise(6_000, 1, 2, "PostgreSQL 15", [2.0, 8.0, 2.5], runs)
    assert results["convoy_copy_seconds"]["median"] == 3.0
    assert results["psql_copy_seconds"]["median"] == 2.5
    assert results["ratio"] == 1.2
    assert results["convoy_rows_per_second"] == 2_000
    assert results["worker_peak_bytes"] == 300


def test_data_set_is_the_same_each_time_and_made_once(tmp_path: Path) -> None:
    first = mixed_database(tmp_path / "a", 50)
    second = mixed_database(tmp_path / "b", 50)
    made = first.stat().st_mtime_ns
    assert mixed_database(tmp_path / "a", 50).stat().st_mtime_ns == made
    rows = []
    for path in (first, second):
        with closing(sqlite3.connect(path)) as connection:
            rows.append(connection.execute("SELECT * FROM mixed").fetchall())
    assert rows[0] == rows[1]
    assert len(rows[0]) == 50
    assert [file.name for file in first.parent.iterdir()] == ["mixed-50.db"]


def test_memory_watch_sees_a_peak_that_has_passed() -> None:
    with MemoryWatch(os.getpid()) as memory:
        held = bytearray(64 * 2**20)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(0.25)
        del held
        time.sleep(0.25)
    assert memory.largest_bytes > 64 * 2**20
    assert memory.sum_bytes >= memory.largest_bytes


def test_missing_psql_is_said_and_skips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> None:
        raise MissingProgramError("psql is not installed")

    monkeypatch.setattr("bench.copy.measure", missing)
    assert main(["--rows", "10"]) == 0
    assert "Skipped: psql is not installed." in capsys.readouterr().out
