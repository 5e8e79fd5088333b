"""The words of README.md and docs/scaling.md that hold figures of the bench: from bench/results.json, not by hand.

python -m bench.result_words
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
from bench.goals import KIND, Figures, judge, ratio
from bench.plot import write_results
from bench.processes import last_line

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.json"
_NAMES = {
    CONVOY: "**Convoy** on a running cluster",
    ONE_SHOT_CONVOY: "**Convoy** as one command, from the shell to the prompt",
    UNPROVED: "Convoy without its proof",
    PGLOADER: "pgloader",
    PGLOADER_4: "pgloader v4",
    DUCKDB_KEYS: "DuckDB's INSERT, then the same keys and indexes",
    DUCKDB: "DuckDB's bare INSERT",
    WRITE_ROW: "a loop with psycopg, bare",
    PSQL_KEYS: r"psql's `\copy` of ready-made files, then the same keys and indexes",
    PSQL: r"psql's bare `\copy` of ready-made files",
    PSQL_TWICE: "the same over two connections",
}
"""Contender → what a reader calls it, in the order of the tables."""
_HEADLINES = ("orders", "mixed", "chinook")
_NOTHING = "-"

Results = Mapping[str, Any]


def _seconds(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _told(name: str) -> str:
    """Return a contender's name as it stands in a sentence."""
    return _NAMES[name].replace("**", "").split(", from", maxsplit=1)[0]


def _by_contender(results: Results, names: list[str]) -> list[str]:
    """Return a table of seconds: contenders down, data sets across."""
    sets = results["data_sets"]
    f = Figures(sets, results.get("starts", {}))
    lines = [_row("seconds", *(f"`{name}`" for name in names)), _row("---", *("---:" for _ in names))]
    for contender, called in _NAMES.items():
        values = [f.of(name, contender) for name in names]
        failed = [contender in sets[name]["failed"] for name in names]
        if any(value is not None for value in values) or any(failed):
            cells = ["failed" if no else _seconds(value) for no, value in zip(failed, values, strict=True)]
            lines.append(_row(called, *cells))
        if contender == CONVOY:
            lines.append(
                _row("its copy phase alone", *(_seconds(f.phase(name, "copying")) for name in names))
            )
        if contender == ONE_SHOT_CONVOY and any(value is not None for value in values):
            outside = (f.of(name, contender, "outside_phases_seconds") for name in names)
            lines.append(_row("of it starting, waiting and stopping", *map(_seconds, outside)))
    return lines


def _faster(results: Results) -> list[str]:
    """Return, for each contender that is faster than Convoy's whole proved run somewhere, where and by how much."""
    f = Figures(results["data_sets"], {})
    lines = []
    for contender in _NAMES:
        if contender in (CONVOY, UNPROVED):
            continue
        found = [
            f"`{name}` ({_seconds(theirs)} s to {_seconds(ours)} s)"
            for name in results["data_sets"]
            if not name.startswith(KIND)
            and (theirs := f.of(name, contender)) is not None
            and (ours := f.of(name, CONVOY)) is not None
            and theirs < ours
        ]
        if found:
            lines.append(f"- {_told(contender)}: {', '.join(found)}")
    return lines


def _times_as_long(f: Figures, results: Results, contender: str) -> list[str]:
    """Return the data sets on which Convoy's whole proved run took longer, and by which factor."""
    return [
        f"`{name}` {by:.2f}"
        for name in results["data_sets"]
        if (by := f.whole(name, contender)) is not None and by > 1
    ]


def readme_words(results: Results) -> str:
    """Return README's section: the headline data sets, and where others are faster."""
    names = [name for name in _HEADLINES if name in results["data_sets"]]
    f = Figures(results["data_sets"], {})
    what = "; ".join(f"`{name}`: {results['data_sets'][name]['what']}" for name in names)
    lines = [f"{_machine(results)} {what}.", "", *_by_contender(results, names), ""]
    faster = [
        f"- {_told(contender)}: {', '.join(found)}"
        for contender in (PGLOADER, PGLOADER_4, DUCKDB_KEYS, DUCKDB, WRITE_ROW)
        if (found := _times_as_long(f, results, contender))
    ]
    if faster:
        text = (
            "Others are faster at places; none of them proves anything, and what is called bare builds no key."
            " Convoy's whole proved run on a running cluster took so many times as long as"
        )
        lines += [text, "", *faster, ""]
    slow = [
        f"`{name}` {by:.2f}"
        for name in names
        if (by := ratio(f.of(name, ONE_SHOT_CONVOY), f.of(name, PGLOADER))) is not None
    ]
    if slow:
        lines += [f"Convoy as one command, to pgloader's process: {', '.join(slow)}.", ""]
    return "\n".join([*lines, *_notes(results, names)]).strip()


def scaling_words(results: Results) -> str:
    """Return the section of docs/scaling.md: goals, all data sets, kinds, and where others are faster or failed."""
    sets = results["data_sets"]
    f = Figures(sets, results.get("starts", {}))
    lines = [
        _machine(results),
        "",
        _row("goal", "at most", "measured", ""),
        _row("---", "---:", "---:", "---"),
    ]
    for goal in results["goals"]:
        name = goal["goal"].rsplit(" (at most", maxsplit=1)[0].replace(r"\copy", r"`\copy`")
        met = {True: "met", False: "**missed**", None: "not measured"}[goal["met"]]
        value = _NOTHING if goal["value"] is None else f"{goal['value']:g}"
        lines.append(_row(name, f"{goal['limit']:g}", value, met))
    lines += ["", *_by_contender(results, [name for name in sets if not name.startswith(KIND)]), ""]
    if f.kinds:
        lines += [
            _row("one kind of value alone", "copy phase", r"psql's `\copy`", "ratio"),
            _row("---", "---:", "---:", "---:"),
        ]
        for name in f.kinds:
            by = f.copy(name)
            both = (_seconds(f.phase(name, "copying")), _seconds(f.of(name, PSQL)))
            lines.append(_row(sets[name]["what"], *both, _NOTHING if by is None else f"{by:.2f}"))
        lines.append("")
    if faster := _faster(results):
        lines += ["Faster than Convoy's whole proved run on a running cluster:", "", *faster, ""]
    return "\n".join([*lines, *_notes(results, list(sets))]).strip()


def _machine(results: Results) -> str:
    cpus, repeat = results["machine"]["cpus"], results["repeat"]
    return (
        f"Medians of {repeat} on {cpus} cores that also ran the server ({results['server']['version'].split(' (')[0]}),"
        f" {results['workers']} workers."
    )


def _notes(results: Results, names: list[str]) -> list[str]:
    """Return a list of who failed, who needed more than its defaults, who brought other values, who was skipped."""
    notes = []
    for name in names:
        result = results["data_sets"][name]
        for contender, why in result["failed"].items():
            notes.append(f"- {_told(contender)} failed on `{name}`: {_plain(last_line(why))}")
        for contender, one in result["contenders"].items():
            if one.get("note"):
                notes.append(f"- {_told(contender)} on `{name}`: {_plain(one['note'])}")
            if result.get("same_values", {}).get(contender) is False:
                notes.append(f"- {_told(contender)} brought other values than the source's on `{name}`")
    notes += [f"- Not measured: {why}" for why in results["skipped"].values()]
    return notes


def _plain(said: str) -> str:
    return re.sub(r"([<>|*_`])", r"\\\1", said.strip().rstrip("."))


PAGES: dict[str, Callable[[Results], str]] = {"README.md": readme_words, "docs/scaling.md": scaling_words}
BEGIN = "<!-- bench: written by bench/result_words.py -->"
END = "<!-- end of bench -->"
_SECTION = re.compile(f"{re.escape(BEGIN)}\n(.*?)\n{re.escape(END)}", re.DOTALL)


def section_of(page: str) -> str:
    """Return what stands between the marks of a page.

    Raises:
        ValueError: the page has no marks, or more than one pair.
    """
    found = _SECTION.findall(page)
    if len(found) != 1:
        raise ValueError(f"the page has {len(found)} sections between {BEGIN} and {END}")
    return str(found[0]).strip()


def with_section(page: str, words: str) -> str:
    """Return a page with these words between its marks."""
    section_of(page)
    return _SECTION.sub(lambda _: f"{BEGIN}\n\n{words}\n\n{END}", page)


def main(arguments: list[str] | None = None) -> int:
    """Judge the results by today's goals, draw the picture, and write the sections of both pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    options = parser.parse_args(arguments)
    results = json.loads(options.results.read_text(encoding="utf-8"))
    results["goals"] = judge(results["data_sets"], results["starts"])
    write_results(options.results, results)
    for name, words in PAGES.items():
        path = ROOT / name
        path.write_text(with_section(path.read_text(encoding="utf-8"), words(results)), encoding="utf-8")
        print(f"Written: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
