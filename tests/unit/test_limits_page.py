"""docs/limits.md shows the table of limits that the code goes by."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration.schema_translation.postgres_limits import LIMITS, Limit

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_page_has_a_line_for_each_limit(limit: Limit) -> None:
    value = "" if limit.value is None else f"{limit.value:,}"
    question = f"`{limit.question}`" if limit.question else "the same everywhere"
    cells = (limit.name, value, question, limit.known_from, limit.stays_behind, limit.instead)
    assert f"| {' | '.join(cells)} |\n" in PAGE


def test_page_has_no_other_limit() -> None:
    assert sum(line.startswith("| ") for line in PAGE.splitlines()) == len(LIMITS) + 1
