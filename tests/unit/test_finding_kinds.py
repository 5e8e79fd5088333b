from __future__ import annotations

import re
from pathlib import Path

import pytest

from migration.errors import UsageError
from migration.finding_kinds import KIND_FACTS, FindingKind, VerdictPart, can_be_ignored
from migration.ignored_kinds import check_ignored

PAGE = Path(__file__).resolve().parents[2] / "docs" / "validation.md"


def test_every_kind_has_its_facts() -> None:
    assert set(KIND_FACTS) == set(FindingKind)


def test_page_says_of_each_kind_what_the_table_says() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| ([01]) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    said = {(kind, part, status, meaning) for kind, part, status, meaning in rows}
    assert said == {
        (kind.value, facts.part.value, "0" if facts.is_advice else "1", facts.meaning)
        for kind, facts in KIND_FACTS.items()
    }


def test_only_the_schema_can_be_ignored() -> None:
    assert {KIND_FACTS[kind].part for kind in FindingKind if can_be_ignored(kind)} == {VerdictPart.SCHEMA}
    assert check_ignored("--ignore", ["owner", "default", "owner"]) == ("owner", "default")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing_row", "these are the proof itself"), ("defualt", "There is no kind of finding defualt")],
)
def test_what_cannot_be_ignored_is_refused(kind: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_ignored("--ignore", [kind])
