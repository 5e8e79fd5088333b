"""Results as lines of JSON, written as they come, so that a run that is cut off loses none."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.matrix.cell_play import Result

ROOT = Path(__file__).resolve().parents[3]
RESULTS = Path(os.environ.get("CONVOY_CHAOS_RESULTS", ROOT / ".cache" / "chaos" / "results.jsonl"))


def add(entry: Mapping[str, Any], path: Path = RESULTS) -> None:
    """Append one entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def add_cell(result: Result, leases: str, path: Path = RESULTS) -> None:
    """Append the result of a cell."""
    add({"what": "cell", "leases": leases, **asdict(result)}, path)


def read(path: Path) -> list[dict[str, Any]]:
    """Return all entries; of a cell that was played more than once, the last."""
    entries: dict[object, dict[str, Any]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        entry = json.loads(line)
        key = (entry["fault"], entry["phase"], entry["leases"]) if entry["what"] == "cell" else number
        entries.pop(key, None)
        entries[key] = entry
    return list(entries.values())


def passed_cells(leases: str, path: Path = RESULTS) -> set[tuple[str, str]]:
    """Return fault and phase of the cells that have passed."""
    entries = read(path) if path.exists() else []
    return {
        (entry["fault"], entry["phase"])
        for entry in entries
        if entry["what"] == "cell" and entry["leases"] == leases and not entry["complaints"]
    }
