"""docs/mapping.md says what the code does, all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migration.mapping.declared import read_declared
from migration.mapping.rules import RULES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
TYPES = re.findall(r"\| `([A-Z][^`]*)` \| `([a-z][^`]*)` ", PAGE.split("## Widening", maxsplit=1)[0])


@pytest.mark.parametrize(("declared", "target_type"), TYPES)
def test_type_table_is_what_the_code_does(declared: str, target_type: str) -> None:
    assert read_declared(declared).target_type == target_type


def test_type_table_was_found() -> None:
    assert len(TYPES) >= 36


@pytest.mark.parametrize("name", [name for name in RULES if not name.endswith("_or_null")])
def test_every_rule_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_transform_is_on_the_page_and_marked_if_lossy() -> None:
    table = PAGE.split("## Transforms", maxsplit=1)[1].split("## Rules", maxsplit=1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    for rule in RULES.values():
        if rule.transform is not None:
            (row,) = [line for line in rows if f"`{rule.transform}`" in line.split("|")[1]]
            assert ("lossy" in row) == rule.lossy, rule.name


def test_every_reason_for_quarantine_is_on_the_page() -> None:
    sources = [*(ROOT / "migration" / "mapping" / "rules").glob("*.py"), ROOT / "migration/mapping/rows.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    reasons = re.findall(r'(?:Misfit\(|_REASON = )f?"([^"]+)"', source)
    assert len(reasons) > 25
    for reason in reasons:
        words = re.sub(r"\{[^}]*\}(,\{[^}]*\})?", "…", reason).removesuffix(": …")
        assert words in PAGE, reason
