"""The benchmark's parts measure what they say."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.contender import Measured
from bench.contender_names import CONVOY, DUCKDB, DUCKDB_KEYS, ONE_SHOT_CONVOY, PGLOADER, PSQL, UNPROVED
from bench.data_set_result import summary
from bench.database_recipe import DataSet
from bench.datasets import data_sets, mixed
from bench.distinct_values import orders
from bench.goals import judge
from bench.pgloader import option_sets
from bench.processes import FailedError, MemoryWatch, cpu_seconds, last_line, run_command, run_program
from bench.suite import chosen_of, in_order, in_turn


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


def test_what_is_outside_of_phases_is_start_wait_and_stop() -> None:
    run = Measured(5.0, 1.0, 1.0, 3, {}, {"pending": 1.0, "copying": 1.5, "validating": 0.5})
    assert run.outside_phases_seconds == 3.0
    assert summary([run], 3, 1)["outside_phases_seconds"] == 3.0
    without = Measured(5.0, 1.0, 1.0, 3, {})
    assert without.outside_phases_seconds is None
    assert summary([without], 3, 1)["outside_phases_seconds"] is None


def test_nobody_always_comes_after_the_same() -> None:
    contenders = ["a", "b", "c"]
    rounds = [list(in_turn(contenders, number)) for number in (1, 2, 3)]
    assert rounds == [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]


def results_of(**seconds: dict[str, float]) -> dict[str, Any]:
    return {
        name.replace("_", "-"): {
            "tables": 500,
            "contenders": {
                contender: {
                    "seconds": value,
                    "phases_seconds": {"copying": value / 2},
                    "outside_phases_seconds": value / 4,
                    "peak_bytes": {"worker1": 1e8, "one-shot": 3.21e8},
                }
                for contender, value in measured.items()
            },
        }
        for name, measured in seconds.items()
    }


def test_goals_are_ratios_of_equal_work_and_of_every_kind() -> None:
    bare = {CONVOY: 4.0, DUCKDB: 2.0, PGLOADER: 8.0}
    results = results_of(
        orders={CONVOY: 4.0, PSQL: 2.0, PGLOADER: 10.0, DUCKDB_KEYS: 5.0},
        kind_uuid={CONVOY: 2.6, PSQL: 1.0},
        kind_date={CONVOY: 2.62, PSQL: 1.0},
        chinook={ONE_SHOT_CONVOY: 3.0, PGLOADER: 2.0},
        **dict.fromkeys(("narrow", "wide", "textpk", "text", "blob"), bare),
        many={CONVOY: 2.0, DUCKDB: 2.0},
    )
    values = {goal["goal"]: (goal["value"], goal["met"]) for goal in judge(results, {"help_seconds": 0.31})}
    copy_phase = r"copy phase to psql's \copy over one connection"
    assert values[f"orders, {copy_phase} (at most 1)"] == (1.0, True)
    assert values["orders, whole proved run to pgloader (at most 0.45)"] == (0.4, True)
    assert values["orders, whole proved run to DuckDB's INSERT with keys (at most 0.9)"] == (0.8, True)
    assert values[f"kind-uuid, {copy_phase} (at most 1.3)"] == (1.3, True)
    assert values[f"kind-date, {copy_phase} (at most 1.3)"] == (1.31, False)
    assert values["chinook, one-shot command less its phases, seconds (at most 1)"] == (0.75, True)
    assert values["chinook, one-shot command to pgloader's process (at most 1)"] == (1.5, False)
    assert values["wide, whole proved run to DuckDB's bare INSERT (at most 1.8)"] == (2.0, False)
    mean = "whole proved run to DuckDB's bare INSERT, geometric mean of these 6 (at most 1.4)"
    assert values[mean] == (1.78, False)  # the sixth root of 2 to the fifth
    assert values["many, milliseconds for each table (at most 6)"] == (4.0, True)
    assert values["peak of a worker process, MB (at most 320)"] == (321, False)
    assert values["migration-cli --help, seconds (at most 0.3)"] == (0.31, False)


def test_mean_of_what_was_measured_in_part_is_not_told() -> None:
    goals = judge(results_of(narrow={CONVOY: 4.0, DUCKDB: 2.0}), {})
    assert [goal["value"] for goal in goals if "geometric mean" in goal["goal"]] == [None]


def test_pgloader_is_told_of_columns_and_of_a_small_heap() -> None:
    assert all("--cast" not in options for options in option_sets(()))
    with_casts = option_sets(("column a.b to text",))
    assert with_casts[0] == ("--cast", "column a.b to text")
    assert [options[2:] for options in with_casts[1:]] == option_sets(())
    assert {len(options) % 2 for options in with_casts} == {0}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", "it said nothing"),
        ("one\n\ntwo\n\n", "two"),
        ("a\nfatal error in 7\nHeap exhausted\nldb>", "Heap exhausted"),
        ("ERROR:  out of range\nHINT:  Perhaps.\nCONTEXT:  COPY t, line 1", "ERROR:  out of range"),
    ],
)
def test_reason_of_a_failure_is_one_line(said: str, line: str) -> None:
    assert last_line(said) == line


def test_portions_are_chosen_by_name_and_come_in_order() -> None:
    there = data_sets(full=False, chinook=Path("chinook.db"))
    assert [data.name for data in chosen_of(there, ["many", "orders"])] == ["orders", "many"]
    assert {data.name.split("-")[0] for data in chosen_of(there, ["kind-"])} == {"kind"}
    assert chosen_of(there, []) == there
    assert list(in_order({"unknown": 1, "many": 2, "orders": 3}, there)) == ["orders", "many", "unknown"]


def test_long_data_sets_measure_only_what_their_goals_need() -> None:
    for data in data_sets(full=True, chinook=Path("chinook.db")):
        measured = data.contenders
        if data.name in ("orders", "mixed"):
            assert measured == ()
        elif data.name.startswith("kind-") or data.name in ("mixed-x5", "dirty"):
            assert set(measured) == {CONVOY, PSQL}, data.name
        else:
            assert {CONVOY, ONE_SHOT_CONVOY, PGLOADER, DUCKDB, DUCKDB_KEYS, PSQL} <= set(measured), data.name
            assert UNPROVED not in measured


# A child of the command that outlives it: all of both has to be counted, the seconds are those until the prompt.
_ORPHAN = """
import subprocess, sys, time
child = "import time; held = bytearray(80 << 20); t = time.process_time()\\nwhile time.process_time() - t < 0.6: pass"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans have another parent elsewhere")
def test_all_that_a_command_starts_is_counted_though_it_outlives_the_command() -> None:
    used = run_command([sys.executable, "-c", _ORPHAN])
    assert used.cpu_seconds > 0.6
    assert used.left_seconds > 0.2
    assert used.peak_bytes > 80 << 20
    assert used.together_bytes >= used.peak_bytes


def test_command_that_fails_or_hangs_is_a_failure() -> None:
    with pytest.raises(FailedError, match="no such thing"):
        run_command([sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(FailedError, match="did not end within 1 s"):
        run_program([sys.executable, "-c", "import time; time.sleep(60)"], most_seconds=0.5 + 0.1)


def test_settings_of_who_measures_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIGRATION_BROKER_URL", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "1")
    look = (
        "import os, sys; assert 'MIGRATION_BROKER_URL' not in os.environ; assert not sys.dont_write_bytecode;"
        " assert os.environ['MIGRATION_X'] == '1'"
    )
    assert run_program([sys.executable, "-c", look], environment={"MIGRATION_X": "1"}).seconds > 0


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
