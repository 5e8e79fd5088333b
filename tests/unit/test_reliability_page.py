"""The page that `make chaos` writes says what the results hold, a wrong cell too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.chaos.matrix.fault_table import FAULTS
from tests.chaos.reliability_page import write_page

FAULT = next(fault for fault in FAULTS if fault.senseless)


def cell(phase: str, **values: Any) -> dict[str, Any]:
    entry = {"what": "cell", "leases": "short", "fault": FAULT.name, "phase": phase, "kind": FAULT.kind.value}
    entry |= {"outcome": "completed", "resumed": False, "seconds": 1.25, "copied_again": 0, "taken_back": 0}
    return entry | {"complaints": []} | values


def test_page_of_cells_and_kills(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    kills = {"what": "killed run", "seed": "1", "number": 3, "kills": ["worker, copying", "broker, copying"]}
    kills |= {"resumes": 1, "seconds": 60.0, "copied_again": 0, "taken_back": 2, "complaints": []}
    cells = [
        cell("copying"),
        cell("indexing", resumed=True, seconds=4.0, taken_back=3),
        cell("validating", complaints=["item: 1 rows are missing"]),
        cell("cutting_over", outcome="cancelled"),
    ]
    write_page([*cells, kills], page)
    lines = page.read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {FAULT.name} |")]
    assert row.split("|")[2:-1] == [
        *(" - ",) * len(FAULT.senseless),
        *("  ",) * (3 - len(FAULT.senseless)),
        " 1.2 ",
        " r 4.0 +3 ",
        " *wrong* ",
        " c 1.2 ",
        "  ",
    ]
    assert f"- *wrong*: {FAULT.name}, validating: item: 1 rows are missing" in lines
    assert "| ended after one `resume` | 1 |" in lines
    assert "| did not pass | 1 |" in lines
    assert "| kills (SIGKILL) | 2 |" in lines
    assert "| broker | 1 |" in lines
