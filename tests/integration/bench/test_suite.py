"""The bench's short form: every kind of contender does its work on a real server, and equal work is equal."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import suite
from bench.contender import ON_A_CLUSTER, ONE_SHOT, Contender, Job, Measured
from bench.contender_names import (
    CONVOY,
    DUCKDB,
    DUCKDB_KEYS,
    ONE_SHOT_CONVOY,
    PGLOADER,
    PGLOADER_4,
    PSQL,
    PSQL_KEYS,
    PSQL_TWICE,
    UNPROVED,
    WRITE_ROW,
)
from bench.database_recipe import DataSet, Table
from bench.distinct_values import orders
from bench.peers import peers
from bench.processes import last_line
from bench.server import BenchServer, MissingProgramError
from bench.wanted_keys import read_keys

CACHE = Path(__file__).resolve().parents[3] / ".cache" / "bench"
CONVOYS = {CONVOY, UNPROVED, ONE_SHOT_CONVOY}
KEYED = {DUCKDB_KEYS, PSQL_KEYS}
AUTHORS = Table(
    "author",
    ('CREATE TABLE author (id integer PRIMARY KEY, "full name" text UNIQUE)',),
    3,
    2,
    lambda n: iter((row, f"name {row}") for row in range(n)),
)
BOOKS = Table(
    "book",
    (
        "CREATE TABLE book (id integer PRIMARY KEY, author_id integer REFERENCES author (id), price numeric(9,2))",
        "CREATE INDEX book_price ON book (price DESC)",
    ),
    500,
    3,
    lambda n: iter((row, row % 3, row / 4) for row in range(n)),
)
SHOP = DataSet("shop", "authors and their books", (AUTHORS, BOOKS))


@pytest.fixture(scope="module")
def server() -> Iterator[BenchServer]:
    try:
        with BenchServer() as running:
            yield running
    except MissingProgramError as missing:
        pytest.skip(str(missing))


class Watched:
    """A contender whose keys are read from the server after each run."""

    def __init__(self, contender: Contender, keys: dict[str, list[str]]) -> None:
        self.name, self.work, self.how = contender.name, contender.work, contender.how
        self.fills_typed_tables = contender.fills_typed_tables
        self._contender = contender
        self._keys = keys

    def prepare(self, job: Job) -> None:
        self._contender.prepare(job)

    def run(self, job: Job) -> Measured:
        measured = self._contender.run(job)
        url = job.server.url("one_shot") if self.name == ONE_SHOT_CONVOY else job.peer_url
        self._keys[self.name] = read_keys(url)
        self._keys[CONVOY] = read_keys(job.server.url("bench"))
        return measured


def measured(data: DataSet, server: BenchServer, cache: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    options = suite._arguments(["--repeat", "1"])
    options.cache = cache
    found, _ = peers(CACHE, [])
    keys: dict[str, list[str]] = {}
    result = suite.measure(data, server, [Watched(one, keys) for one in found], options)
    return result, keys


def test_each_contender_brings_all_rows_and_equal_work_is_equal(server: BenchServer, tmp_path: Path) -> None:
    result, keys = measured(SHOP, server, tmp_path)
    assert result["failed"] == {}
    contenders = result["contenders"]
    installed = set(contenders) - {PGLOADER, DUCKDB, DUCKDB_KEYS}
    assert installed == CONVOYS | {WRITE_ROW, PSQL, PSQL_KEYS, PSQL_TWICE}
    assert {one["rows_in_target"] for one in contenders.values()} == {503}
    assert all(result["same_values"].values()), result["same_values"]
    assert len(keys[CONVOY]) == 5, keys[CONVOY]  # two primary keys, unique, index, foreign key
    for name in KEYED & set(contenders):
        assert keys[name] == keys[CONVOY], name
    assert keys[ONE_SHOT_CONVOY] == keys[CONVOY]
    for name in {DUCKDB, PSQL, PSQL_TWICE, WRITE_ROW} & set(contenders):
        assert keys[name] == [], name
    assert {name for name, how in result["how"].items() if how == ON_A_CLUSTER} == {CONVOY, UNPROVED}
    assert result["bench_seconds"] > 0


def test_one_shot_starts_and_stops_all_in_the_time_that_is_measured(
    server: BenchServer, tmp_path: Path
) -> None:
    result, _ = measured(
        DataSet("shop", "the same", SHOP.tables, contenders=(ONE_SHOT_CONVOY,)), server, tmp_path
    )
    assert list(result["contenders"]) == [ONE_SHOT_CONVOY]
    one = result["contenders"][ONE_SHOT_CONVOY]
    assert result["how"] == {ONE_SHOT_CONVOY: ONE_SHOT}
    phases = {phase: seconds for phase, seconds in one["phases_seconds"].items() if phase != "pending"}
    assert {"snapshotting", "profiling", "copying", "validating", "cutting_over"} <= set(phases)
    assert one["outside_phases_seconds"] == pytest.approx(one["seconds"] - sum(phases.values()), abs=0.01)
    assert one["outside_phases_seconds"] > 0
    # Workers, producer and the command are processes of their own: together they hold more than the largest.
    assert one["together_bytes"] > max(one["peak_bytes"].values()) > 30e6


def test_who_loses_rows_by_its_defaults_is_told_what_helps(server: BenchServer, tmp_path: Path) -> None:
    data = orders(300)
    result, _ = measured(
        DataSet(
            data.name,
            data.what,
            data.tables,
            contenders=(CONVOY, PGLOADER, WRITE_ROW, DUCKDB, PSQL),
            pgloader_casts=data.pgloader_casts,
        ),
        server,
        tmp_path,
    )
    assert set(result["failed"]) == {WRITE_ROW}  # milliseconds are no timestamp to a COPY of texts
    assert "out of range" in last_line(result["failed"][WRITE_ROW])
    assert result["same_values"][PSQL] is True
    if PGLOADER in result["contenders"]:
        assert result["contenders"][PGLOADER]["rows_in_target"] == 300
        assert "300 of 300 rows did not arrive" in result["contenders"][PGLOADER]["note"]
    if DUCKDB in result["contenders"]:
        assert result["same_values"][DUCKDB] is False  # it takes them for seconds


def test_portions_add_up_in_one_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, twice = SHOP, DataSet("twice", "the same again", SHOP.tables)
    monkeypatch.setattr(suite, "data_sets", lambda **_: [shop, twice])
    monkeypatch.setattr(suite, "install_peers", lambda: None)
    out = tmp_path / "results.json"
    with tempfile.TemporaryDirectory() as cache:
        for name in ("twice", "shop"):
            arguments = [
                "--only",
                name,
                "--peers",
                "psql",
                "--repeat",
                "1",
                "--cache",
                cache,
                "--out",
                str(out),
            ]
            assert suite.main([*arguments, "--add"]) == 0
    if not out.exists():
        pytest.skip("no server")
    results = json.loads(out.read_text(encoding="utf-8"))
    assert list(results["data_sets"]) == ["shop", "twice"]  # in the order of the bench, not of the portions
    assert set(results["data_sets"]["shop"]["contenders"]) == {CONVOY, PSQL, PSQL_KEYS, PSQL_TWICE}
    said = capsys.readouterr().out
    assert "s in all" in said
    assert out.with_suffix(".svg").read_text(encoding="utf-8").startswith("<svg")


def test_version_four_is_skipped_with_a_word(tmp_path: Path) -> None:
    found, skipped = peers(tmp_path, [PGLOADER_4])
    assert found == []
    assert "--pgloader-jar" in skipped[PGLOADER_4]
    assert suite._arguments(["--pgloader-jar", "x.jar"]).pgloader_jar == Path("x.jar")
