"""The results as a picture: one group of bars for each data set, as an SVG without a library for it."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment

_COLOURS = {
    "Convoy": "#1f6f8b",
    "Convoy, unproved": "#7fb3c8",
    "pgloader": "#b5523b",
    "DuckDB INSERT": "#d9a441",
    "psycopg write_row": "#8a7a9b",
    r"psql \copy x1": "#9a9a9a",
    r"psql \copy x2": "#c4c4c4",
}
_BAR = 13
_GAP = 22
_TITLE = 8
_LEFT = 130
_WIDTH = 560

_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" font-family="sans-serif" \
font-size="11" role="img" aria-label="Seconds of each contender on each data set, relative to Convoy">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="20" font-size="14" font-weight="bold">Time to bring a SQLite database into PostgreSQL, Convoy = 1</text>
<text x="12" y="36" fill="#555555">Only Convoy profiles, proves every row and cuts over; psql loads ready-made \
files. Medians of {{ repeat }}, {{ cpus }} CPUs, {{ workers }} workers{{ busy }}.</text>
<line x1="{{ one }}" x2="{{ one }}" y1="46" y2="{{ height - 8 }}" stroke="#1f6f8b" stroke-dasharray="3 3"/>
{% for group in groups %}<text x="12" y="{{ group.y }}"><tspan font-weight="bold">{{ group.name }}</tspan>\
<tspan dx="8" fill="#555555" font-size="10">{{ group.what }}</tspan></text>
{% for bar in group.bars %}<text x="{{ left - 6 }}" y="{{ bar.y + 10 }}" text-anchor="end" \
font-size="9.5">{{ bar.name }}</text>
<rect x="{{ left }}" y="{{ bar.y }}" width="{{ bar.width }}" height="{{ thick }}" fill="{{ bar.colour }}"/>
<text x="{{ left + bar.width + 4 }}" y="{{ bar.y + 10 }}" font-size="9.5" stroke="#ffffff" stroke-width="3" \
paint-order="stroke">{{ bar.label }}</text>
{% endfor %}{% endfor %}</svg>
"""


def plot(results: dict[str, Any]) -> str:
    """Return the SVG of a whole results.json."""
    most = 3.0  # longer bars are cut, and say so
    groups: list[dict[str, Any]] = []
    y = 64
    for name, result in results["data_sets"].items():
        whole = result["contenders"].get("Convoy", {}).get("seconds")
        if not whole:
            continue
        group: dict[str, Any] = {"name": name, "what": result["what"], "y": y, "bars": []}
        y += _TITLE
        for contender, one in result["contenders"].items():
            ratio = one["seconds"] / whole
            cut = " (bar cut)" if ratio > most else ""
            group["bars"].append(
                {
                    "name": contender,
                    "y": y,
                    "width": round(min(ratio, most) / most * _WIDTH, 1),
                    "colour": _COLOURS.get(contender, "#444444"),
                    "label": f"{ratio:.2f}  ({one['seconds']:.1f} s){cut}",
                }
            )
            y += _BAR + 2
        for contender in result["failed"]:
            group["bars"].append(
                {
                    "name": contender,
                    "y": y,
                    "width": 0,
                    "colour": "none",
                    "label": "broke off: see bench/results.json",
                }
            )
            y += _BAR + 2
        groups.append(group)
        y += _GAP
    template = Environment(autoescape=True).from_string(_SVG)
    return (
        template.render(
            groups=groups,
            width=_LEFT + _WIDTH + 130,
            height=y,
            left=_LEFT,
            thick=_BAR,
            one=_LEFT + _WIDTH / most,
            repeat=results["repeat"],
            cpus=results["machine"]["cpus"],
            workers=results["workers"],
            busy=", on a busy machine" if results["machine"]["load_before"] > 1 else "",
        )
        + "\n"
    )
