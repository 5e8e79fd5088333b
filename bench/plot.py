"""The results as a picture: one group of bars for each data set, as an SVG without a library for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment

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
from bench.goals import KIND, Figures

_COLOURS = {
    CONVOY: "#1f6f8b",
    UNPROVED: "#7fb3c8",
    ONE_SHOT_CONVOY: "#134b5f",
    PGLOADER: "#b5523b",
    PGLOADER_4: "#d08a78",
    DUCKDB: "#d9a441",
    DUCKDB_KEYS: "#b07f20",
    WRITE_ROW: "#8a7a9b",
    PSQL: "#9a9a9a",
    PSQL_KEYS: "#6f6f6f",
    PSQL_TWICE: "#c4c4c4",
}
_MOST = 3.0
"""Longer bars are cut, and say so."""
_BAR = 13
_GAP = 22
_TITLE = 8
_TOP = 76
_LEFT = 130
_WIDTH = 560

_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" font-family="sans-serif" \
font-size="11" role="img" aria-label="Seconds of each contender on each data set, relative to Convoy">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="20" font-size="14" font-weight="bold">Time to bring a SQLite database into PostgreSQL, \
Convoy on a running cluster = 1</text>
<text x="12" y="36" fill="#555555">Only Convoy profiles, proves every row and cuts over; one-shot starts and stops \
all it needs; psql loads ready-made files.</text>
<text x="12" y="50" fill="#555555">Medians of {{ repeat }}, {{ cpus }} CPUs, {{ workers }} workers{{ busy }}. \
Shorter is faster.</text>
<line x1="{{ one }}" x2="{{ one }}" y1="58" y2="{{ height - 8 }}" stroke="#1f6f8b" stroke-dasharray="3 3"/>
{% for group in groups %}<text x="12" y="{{ group.y }}"><tspan font-weight="bold">{{ group.name }}</tspan>\
<tspan dx="8" fill="#555555" font-size="10">{{ group.what }}</tspan></text>
{% for bar in group.bars %}<text x="{{ left - 6 }}" y="{{ bar.y + 10 }}" text-anchor="end" \
font-size="9.5">{{ bar.name }}</text>
<rect x="{{ left }}" y="{{ bar.y }}" width="{{ bar.width }}" height="{{ thick }}" fill="{{ bar.colour }}"/>
<text x="{{ left + bar.width + 4 }}" y="{{ bar.y + 10 }}" font-size="9.5" stroke="#ffffff" stroke-width="3" \
paint-order="stroke">{{ bar.label }}</text>
{% endfor %}{% endfor %}</svg>
"""


def write_results(file: Path, results: dict[str, Any]) -> Path:
    """Write results, and their plot beside them; return the plot."""
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    picture = file.with_suffix(".svg")
    picture.write_text(plot(results), encoding="utf-8")
    return picture


def plot(results: dict[str, Any]) -> str:
    """Return the SVG of a whole results.json."""
    sets = results["data_sets"]
    groups = [_group(name, result) for name, result in sets.items() if not name.startswith(KIND)]
    groups += [_kinds(sets)]
    y = _TOP
    for group in (groups := [group for group in groups if group["bars"]]):
        group["y"] = y
        y += _TITLE
        for bar in group["bars"]:
            bar["y"] = y
            y += _BAR + 2
        y += _GAP
    template = Environment(autoescape=True).from_string(_SVG)
    return (
        template.render(
            groups=groups,
            width=_LEFT + _WIDTH + 130,
            height=y,
            left=_LEFT,
            thick=_BAR,
            one=_LEFT + _WIDTH / _MOST,
            repeat=results["repeat"],
            cpus=results["machine"]["cpus"],
            workers=results["workers"],
            busy=", on a busy machine" if results["machine"]["load_before"] > 1 else "",
        )
        + "\n"
    )


def _group(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return the bars of one data set, relative to Convoy's whole run on a running cluster."""
    whole = result["contenders"].get(CONVOY, {}).get("seconds")
    bars = []
    for contender, one in result["contenders"].items() if whole else ():
        seconds = one["seconds"]
        label = f"{seconds / whole:.2f}  ({seconds:.1f} s)" + (
            " not by its defaults" if one.get("note") else ""
        )
        bars.append(_bar(contender, seconds / whole, label))
    bars += [_bar(contender, 0, "failed: see docs/scaling.md") for contender in result["failed"] if whole]
    return {"name": name, "what": result["what"], "bars": bars}


def _kinds(sets: dict[str, Any]) -> dict[str, Any]:
    """Return one bar for each kind of value alone, relative to psql."""
    f = Figures(sets, {})
    bars = [
        _bar(name.removeprefix(KIND), by, f"{by:.2f}", _COLOURS[CONVOY])
        for name in f.kinds
        if (by := f.copy(name)) is not None
    ]
    return {
        "name": "kinds",
        "what": r"copy phase of each kind of value alone; here psql \copy x1 = 1",
        "bars": bars,
    }


def _bar(name: str, by: float, label: str, colour: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "width": round(min(by, _MOST) / _MOST * _WIDTH, 1),
        "colour": colour or _COLOURS.get(name, "#444444"),
        "label": label + (" (bar cut)" if by > _MOST else ""),
    }
