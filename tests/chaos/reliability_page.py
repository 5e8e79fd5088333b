"""Writes docs/reliability.md from what `make chaos` has seen: `python -m tests.chaos.reliability_page [RESULTS]`."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.chaos.matrix import chaos_results
from tests.chaos.matrix.fault import PHASES, Kind
from tests.chaos.matrix.fault_table import FAULTS

PAGE = chaos_results.ROOT / "docs" / "reliability.md"
Entry = dict[str, Any]

_HEAD = """# Reliability

What was done to running clusters, at which moment, and what came of it. This page is written by `make chaos` from
what it measured (`tests/chaos/reliability_page.py`); the faults are a table in the code
(`tests/chaos/matrix/fault_table.py`).

Each cell is a run of its own: two tables of 2,400 rows in 24 chunks, with a foreign key, an index, a view and one
row that goes to the quarantine, on a real cluster of one producer, two workers, PostgreSQL and Valkey, whose
processes are started again when they end, as a supervisor does. `migration-cli migrate` follows it. The fault
strikes at a random moment (seeded) of the phase. The column *completed* stands for a run that has just ended,
while the command builds its report.

That a broker which is killed ends none of these processes is shown where nobody starts anything again
(`tests/chaos/test_killed_broker.py`): the broker is killed in each phase with messages unacknowledged, and the same
processes end the run.

A cell passes where the run ends by itself, or after the one command that was printed last; where all rows are
equal to the source's by a comparison that shares no code with the product (`tests/support/independent.py`); where
ledger, target and staging agree (`tests/support/ledger_consistency.py`); where no chunk that was done before the
fault was copied again; where the exit status is that of the run; and where no session, lock, schema, process or
file is left.
"""

_LEASES = {"short": ("Short leases", 2, 1, 4), "default": ("Default leases", 30, 30, 120)}
"""Title, seconds of lease, of the watchdog and of silence."""
_LEGEND = """
Seconds from the fault to the end of the run, the fault's own time included. Without a mark the run ended by
itself; **r**: after one `resume`; **c**: cancelled, as was asked; **b**: rolled back, as was asked; **n**: not
begun, because the broker took no message: status 2, and a record that says cancelled (`+n`: so many chunks were
copied again; a server that crashes may take back what it was told within the last second, see
[scaling.md](scaling.md)). *wrong*: did not pass. An empty cell was not played; `-` makes no sense, for the reason
below.
"""


def write_page(entries: Sequence[Entry], page: Path = PAGE) -> None:
    """Write the page from all entries of the results."""
    parts = [_HEAD]
    known = {fault.name for fault in FAULTS}
    cells = [entry for entry in entries if entry["what"] == "cell" and entry["fault"] in known]
    for leases, (title, *seconds) in _LEASES.items():
        played = [cell for cell in cells if cell["leases"] == leases]
        if played:
            names = ("LEASE", "WATCHDOG", "SILENCE")
            said = [
                f"`MIGRATION_{name}_SECONDS` {number}" for name, number in zip(names, seconds, strict=True)
            ]
            parts.append(_matrix(played, title, ", ".join(said)))
    parts.append(_senseless())
    kills = [entry for entry in entries if entry["what"] == "killed run"]
    if kills:
        parts.append(_random_kills(kills))
    page.write_text("\n".join(parts), encoding="utf-8")


def _matrix(cells: Sequence[Entry], title: str, leases: str) -> str:
    passed = [cell for cell in cells if not cell["complaints"]]
    seconds = [cell["seconds"] for cell in cells]
    by_itself = [cell for cell in passed if not cell["resumed"]]
    lines = [
        f"## {title}",
        "",
        f"{leases}.",
        "",
        "| what | number |",
        "|---|---|",
        f"| faults | {len({cell['fault'] for cell in cells})} |",
        f"| cells that make sense | {sum(len(PHASES) - len(fault.senseless) for fault in FAULTS)} |",
        f"| cells played | {len(cells)} |",
        f"| past the phase when the fault struck | {sum(not c.get('met', True) for c in cells)} |",
        f"| ended by themselves | {len(by_itself)} |",
        f"| ended after one `resume` | {len(passed) - len(by_itself)} |",
        f"| did not pass | {len(cells) - len(passed)} |",
        f"| seconds from the fault to the end, median | {median(seconds):.1f} |",
        f"| the same, most | {max(seconds):.1f} |",
        f"| chunks that were done and safe, and were copied again | {sum(c['copied_again'] for c in cells)} |",
        f"| chunks of the last second taken back by a crash of the server | {sum(c['taken_back'] for c in cells)} |",
        _LEGEND,
    ]
    found = {(cell["fault"], cell["phase"]): cell for cell in cells}
    for kind in Kind:
        faults = [fault for fault in FAULTS if fault.kind is kind]
        if not any((fault.name, phase.value) in found for fault in faults for phase in PHASES):
            continue
        lines += [
            f"### {kind.value[0].upper()}{kind.value[1:]}",
            "",
            f"| fault | {' | '.join(phase.value for phase in PHASES)} |",
            f"|---|{'---|' * len(PHASES)}",
        ]
        for fault in faults:
            row = [
                "-" if phase in fault.senseless else _cell(found.get((fault.name, phase.value)))
                for phase in PHASES
            ]
            lines.append(f"| {fault.name} | {' | '.join(row)} |")
        lines.append("")
    lines += [
        f"- *wrong*: {cell['fault']}, {cell['phase']}: {cell['complaints'][0].splitlines()[0][:200]}"
        for cell in cells
        if cell["complaints"]
    ]
    return "\n".join(lines).rstrip() + "\n"


def _cell(cell: Entry | None) -> str:
    if cell is None:
        return ""
    if cell["complaints"]:
        return "*wrong*"
    mark = {"cancelled": "c ", "rolled_back": "b ", "not_begun": "n "}.get(cell["outcome"], "")
    again = cell["copied_again"] + cell["taken_back"]
    resumed = "r " if cell["resumed"] and not mark else ""
    return f"{mark}{resumed}{cell['seconds']:.1f}{f' +{again}' if again else ''}"


def _senseless() -> str:
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for fault in FAULTS:
        for phase, reason in fault.senseless.items():
            reasons[f"{fault.name}: {reason}"].append(phase.value)
    lines = ["### Cells that make no sense", ""]
    return "\n".join([*lines, *(f"- {why} ({', '.join(phases)})" for why, phases in reasons.items()), ""])


def _random_kills(runs: Sequence[Entry]) -> str:
    kills = [kill for run in runs for kill in run["kills"]]
    victims = Counter(kill.rpartition(", ")[0] for kill in kills)
    places = Counter(kill.rpartition(", ")[2] for kill in kills)
    complaints = [(run, told) for run in runs for told in run["complaints"]]
    wrong_rows = sum("row" in told for _, told in complaints)
    facts = [
        ("kills (SIGKILL)", len(kills)),
        ("runs", len(runs)),
        ("seeds", ", ".join(sorted({run["seed"] for run in runs}))),
        ("runs that ended by themselves", sum(not run["resumes"] for run in runs)),
        ("runs that were resumed once", sum(run["resumes"] == 1 for run in runs)),
        ("runs that were resumed more often", sum(run["resumes"] > 1 for run in runs)),
        ("wrong rows", wrong_rows),
        ("wrong states", len(complaints) - wrong_rows),
        ("finished chunks copied again", sum(run["copied_again"] for run in runs)),
        (
            "chunks of the last second taken back by a crash of the server",
            sum(run["taken_back"] for run in runs),
        ),
        ("minutes", f"{sum(run['seconds'] for run in runs) / 60:.0f}"),
    ]
    lines = [
        "## Random kills",
        "",
        (
            "`kill -9` of a random process at a random moment, up to eight times in a run, of the same small source\n"
            "on the same cluster (`tests/chaos/random_kills.py`, seeded; short leases)."
        ),
        "",
        "| what | number |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
        "",
        "| killed | times |",
        "|---|---|",
        *(f"| {victim} | {times} |" for victim, times in victims.most_common()),
        "",
        "| in phase | times |",
        "|---|---|",
        *(f"| {phase.value} | {places[phase.value]} |" for phase in PHASES[:-1]),
        "",
        *(
            f"- run {run['number']} of seed {run['seed']}: {told.splitlines()[0][:200]}"
            for run, told in complaints
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else chaos_results.RESULTS
    write_page(chaos_results.read(results))
