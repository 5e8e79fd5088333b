"""Names lead a stranger to the code: each stands once, is a noun phrase with its object, and its file is short."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "migration", "producer", "worker")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "versions" not in path.parts)
EXPECTED_BY_FRAMEWORKS = {"__init__", "__main__", "app", "env", "tasks"}
ONE_WORD = {"authentication", "errors", "identifiers", "model", "queue", "settings", "watchdog"}
"""Words that need no object: what they name is what the whole of Convoy has one of."""
MOST_LINES = 400
MOST_FOLDERS_BELOW_MIGRATION = 3


def test_no_name_stands_twice() -> None:
    names = Counter(path.stem for path in FILES if path.stem not in EXPECTED_BY_FRAMEWORKS)
    assert [name for name, times in names.items() if times > 1] == []


def test_a_name_says_of_what_it_is() -> None:
    single = {path.stem for path in FILES if "_" not in path.stem} - EXPECTED_BY_FRAMEWORKS
    assert single == ONE_WORD


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    assert ast.get_docstring(ast.parse(text))


def test_rooms_are_not_deep() -> None:
    depths = [
        len(path.relative_to(ROOT / "migration").parts) - 1 for path in FILES if "migration" in path.parts
    ]
    assert max(depths) <= MOST_FOLDERS_BELOW_MIGRATION
