"""Nothing of others goes with what Convoy drops: no statement of the product says CASCADE."""

from __future__ import annotations

import re
from pathlib import Path

PRODUCT = [
    path
    for room in ("api", "migration", "producer", "worker")
    for path in (Path(__file__).parents[3] / room).rglob("*.py")
]
DROPS_ALL = re.compile(r"\b(DROP|TRUNCATE)\b[^\n]*\bCASCADE\b")


def test_no_statement_drops_what_depends_on_its_object() -> None:
    assert len(PRODUCT) > 100
    assert [str(path) for path in PRODUCT if DROPS_ALL.search(path.read_text())] == []
