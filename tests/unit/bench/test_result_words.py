"""README's and docs/scaling.md's figures, and the picture, are those of bench/results.json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.contender_names import CONVOY, DUCKDB, DUCKDB_KEYS, ONE_SHOT_CONVOY, PGLOADER, PSQL
from bench.goals import judge
from bench.plot import plot
from bench.result_words import (
    BEGIN,
    END,
    PAGES,
    RESULTS,
    ROOT,
    readme_words,
    scaling_words,
    section_of,
    with_section,
)


def written() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def contender(seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "phases_seconds": {},
        "outside_phases_seconds": None,
        "peak_bytes": {},
        **more,
    }


def made(**data_sets: dict[str, Any]) -> dict[str, Any]:
    sets = {
        name.replace("_", "-"): {"what": f"rows of {name}", "tables": 1, "failed": {}, **result}
        for name, result in data_sets.items()
    }
    return {
        "machine": {"cpus": 4, "load_before": 0.1},
        "server": {"version": "PostgreSQL 15.18 (Debian 15)"},
        "workers": 2,
        "repeat": 3,
        "skipped": {"pgloader v4": "it is in no package registry"},
        "data_sets": sets,
        "starts": {},
        "goals": judge(sets, {}),
    }


@pytest.mark.parametrize("name", PAGES)
def test_figures_of_a_page_are_those_of_the_results(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert section_of(page) == PAGES[name](written()), "make bench-words"


def test_picture_is_that_of_the_results() -> None:
    assert RESULTS.with_suffix(".svg").read_text(encoding="utf-8") == plot(written()), "make bench-words"


def test_goals_of_the_results_are_those_of_today() -> None:
    results = written()
    assert results["goals"] == judge(results["data_sets"], results["starts"]), "make bench-words"


def test_words_say_where_others_are_faster_and_who_needed_help() -> None:
    results = made(
        orders={
            "contenders": {
                CONVOY: contender(10.0, phases_seconds={"copying": 4.0}),
                ONE_SHOT_CONVOY: contender(12.5, outside_phases_seconds=2.25),
                PGLOADER: contender(
                    25.0, note="with --with 'prefetch rows = 1', since by its defaults: no *row*"
                ),
                DUCKDB: contender(8.0),
                DUCKDB_KEYS: contender(11.0),
                PSQL: contender(5.0),
            },
            "same_values": {DUCKDB: False, PSQL: True},
        },
        kind_uuid={
            "contenders": {CONVOY: contender(2.0, phases_seconds={"copying": 1.5}), PSQL: contender(1.0)}
        },
        text={
            "contenders": {CONVOY: contender(3.0)},
            "failed": {PGLOADER: "fatal error in 1\nHeap exhausted\nldb>"},
        },
    )
    readme, scaling = readme_words(results), scaling_words(results)
    for words in (readme, scaling):
        assert "4 cores" in words
        assert "PostgreSQL 15.18," not in words.replace("(PostgreSQL 15.18)", "")
        assert "with --with 'prefetch rows = 1', since by its defaults: no \\*row\\*" in words
        assert "DuckDB's bare INSERT brought other values than the source's on `orders`" in words
        assert "it is in no package registry" in words
    assert "| **Convoy** on a running cluster | 10.0 |" in readme
    assert "| its copy phase alone | 4.00 |" in readme
    assert "| **Convoy** as one command, from the shell to the prompt | 12.5 |" in readme
    assert "| of it starting, waiting and stopping | 2.25 |" in readme
    assert "- DuckDB's bare INSERT: `orders` 1.25" in readme
    assert "Convoy as one command, to pgloader's process: `orders` 0.50." in readme
    assert "| rows of kind_uuid | 1.50 | 1.00 | 1.50 |" in scaling
    assert "- DuckDB's bare INSERT: `orders` (8.00 s to 10.0 s)" in scaling
    assert "pgloader failed on `text`: Heap exhausted" in scaling
    assert (
        "| kind-uuid, copy phase to psql's `\\copy` over one connection | 1.3 | 1.5 | **missed** |" in scaling
    )
    assert "| orders, whole proved run to pgloader | 0.45 | 0.4 | met |" in scaling


def test_words_of_what_was_not_measured_claim_nothing() -> None:
    results = made(mixed={"contenders": {CONVOY: contender(1.0)}})
    words = readme_words(results)
    assert "DuckDB" not in words
    assert "one command" not in words
    assert "| mixed, whole proved run to pgloader | 0.42 | - | not measured |" in scaling_words(results)


def test_section_is_written_once_and_again() -> None:
    page = f"# A\n\n{BEGIN}\n\nold\n\n{END}\n\nmore\n"
    once = with_section(page, r"new \copy \1")
    assert section_of(once) == r"new \copy \1"
    assert with_section(once, r"new \copy \1") == once
    assert once.endswith("\n\nmore\n")
    assert with_section(f"{BEGIN}\n\n{END}", "x") == f"{BEGIN}\n\nx\n\n{END}"
    with pytest.raises(ValueError, match="0 sections"):
        section_of("no marks")


def test_picture_shows_kinds_relative_to_psql_and_who_failed() -> None:
    kind = {CONVOY: contender(9.0, phases_seconds={"copying": 8.0}), PSQL: contender(2.0)}
    results = made(
        orders={"contenders": {CONVOY: contender(10.0)}, "failed": {PGLOADER: "no"}},
        kind_uuid={"contenders": kind},
    )
    picture = plot(results)
    assert picture.index(">orders<") < picture.index(">kinds<")
    assert ">uuid<" in picture
    assert "4.00 (bar cut)" in picture
    assert "failed: see docs/scaling.md" in picture
