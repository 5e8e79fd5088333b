"""The benchmark's parts measure what they say."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from bench.contender import Measured
from bench.data_set_result import summary
from bench.database_recipe import DataSet
from bench.datasets import data_sets, mixed
from bench.distinct_values import orders
from bench.goals import judge
from bench.processes import MemoryWatch, cpu_seconds
from bench.suite import in_turn


def run_of(seconds: float, peak: int) -> Measured:
    return Measured(
        seconds=seconds,
        client_cpu_seconds=seconds / 2,
        server_cpu_seconds=seconds / 4,
        rows=6_000,
        phases={"copying": seconds / 2},
        peak_bytes={"worker": peak},
    )


def test_results_are_medians_and_the_worst_peak() -> None:
    result = summary([run_of(3.0, 100), run_of(2.0, 300), run_of(9.0, 200)], 6_000, 12_000_000)
    assert result["seconds"] == 3.0
    assert result["rows_per_second"] == 2_000
    assert result["megabytes_per_second"] == 4.0
    assert result["phases_seconds"] == {"copying": 1.5}
    assert result["peak_bytes"] == {"worker": 300}


def test_nobody_always_comes_after_the_same() -> None:
    contenders = ["a", "b", "c"]
    rounds = [list(in_turn(contenders, number)) for number in (1, 2, 3)]
    assert rounds == [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]


def test_goal_that_was_not_measured_is_neither_met_nor_missed() -> None:
    goals = judge({}, {})
    assert goals
    assert {goal["met"] for goal in goals} == {None}


def test_data_set_is_the_same_each_time_and_made_once(tmp_path: Path) -> None:
    first = mixed(50).build(tmp_path / "a")
    second = mixed(50).build(tmp_path / "b")
    made = first.stat().st_mtime_ns
    assert mixed(50).build(tmp_path / "a").stat().st_mtime_ns == made
    rows = []
    for path in (first, second):
        with closing(sqlite3.connect(path)) as connection:
            rows.append(connection.execute("SELECT * FROM mixed").fetchall())
    assert rows[0] == rows[1]
    assert len(rows[0]) == 50
    assert [file.name for file in first.parent.iterdir()] == [first.name]


@pytest.mark.parametrize("full", [False, True])
def test_every_data_set_of_the_benchmark_is_there(full: bool) -> None:
    names = {data.name for data in data_sets(full=full, chinook=None)}
    assert {"orders", "mixed", "narrow", "text", "blob", "wide", "dirty", "many", "textpk"} <= names
    assert {"kind-numeric", "kind-nested", "kind-timestamp", "kind-uuid"} <= names


def test_values_of_the_data_sets_of_people_do_not_repeat(tmp_path: Path) -> None:
    with closing(sqlite3.connect(orders(2_000).build(tmp_path))) as connection:
        for column in ("reference", "price", "lines", "created_at", "paid_ms", "customer"):
            query = f"SELECT count(DISTINCT {column}) FROM orders"
            (distinct,) = connection.execute(query).fetchone()
            assert distinct > 1_990, column


def test_file_of_others_is_used_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.touch()
    assert DataSet("shop", "a shop", path=path).build(tmp_path / "cache") == path


def test_memory_watch_sees_a_peak_that_has_passed() -> None:
    with MemoryWatch({"self": os.getpid()}) as memory:
        held = bytearray(64 * 2**20)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(0.25)
        del held
        time.sleep(0.25)
    assert memory.peaks["self"] > 64 * 2**20


def test_cpu_seconds_grow_with_work() -> None:
    before = cpu_seconds(os.getpid())
    sum(number * number for number in range(2_000_000))
    assert cpu_seconds(os.getpid()) > before
