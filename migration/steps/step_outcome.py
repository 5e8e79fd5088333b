"""What the work of a step came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """`result` goes into the ledger; the rest is what observers are told of it (`StepDone`), None if not counted."""

    result: dict[str, Any]
    table: str | None = None
    rows: int | None = None
    rows_quarantined: int | None = None
    bytes: int | None = None
