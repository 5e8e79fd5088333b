"""docs/security.md: each line of its tables has a test, which is there; each setting has its default."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from migration.settings import Settings
from migration.source.source_budget import SourceBudget

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_of_a_line_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_attack_has_a_test() -> None:
    lines = PAGE.splitlines()
    headings = [number for number, line in enumerate(lines) if line == "| attack | what comes of it | test |"]
    assert headings
    for heading in headings:
        for line in lines[heading + 2 :]:
            if not line.startswith("|"):
                break
            assert "::test_" in line, line


def test_every_budget_is_a_setting_of_the_page() -> None:
    budget = SourceBudget.of(Settings(_env_file=None))
    assert budget == SourceBudget()
    for name in SourceBudget.__dataclass_fields__:
        assert f"| `MIGRATION_SOURCE_{name.upper()}` |" in PAGE
