"""docs/errors.md and the classes say the same, both ways."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.problem_kinds import OWN_PROBLEMS
from documentation.error_list import http_words
from migration.convoy_error import ConvoyError, Place
from migration.error_record import error_classes, error_record

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| `[a-z-]+` \|.*\| \d+ \| \d{3} ", line)
]
BY_CODE = {row[0].strip("`"): row for row in ROWS}
CLASSES = {kind.code: kind for kind in error_classes()}
# What `translate` gives to the errors that PostgreSQL reports.
WORK = {"run", "step", "database", "server", "schema", "table", "object_kind", "object"}
NO_PLACE = {"remedy", "details", "next_steps"}


def fields_of(row: list[str]) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", row[4])) | (WORK if "*work*" in row[4] else set())


def raised_with() -> dict[str, set[str]]:
    """Return the fields that the places of the code give to each class, by its name."""
    fields: dict[str, set[str]] = defaultdict(set)
    for call in calls():
        if isinstance(call.func, ast.Name):
            fields[call.func.id] |= {word.arg for word in call.keywords if word.arg} - NO_PLACE
    return fields


def calls() -> Iterator[ast.Call]:
    for room in ("api", "migration", "producer", "worker"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield node


def test_every_code_has_one_line_and_every_line_a_class() -> None:
    assert len(ROWS) == len(BY_CODE)
    assert set(BY_CODE) == set(CLASSES)


@pytest.mark.parametrize("code", CLASSES)
def test_a_line_names_class_exit_status_and_problem(code: str) -> None:
    kind, (_, name, status, http, *_) = CLASSES[code], BY_CODE[code]
    assert name.strip("()") == kind.__name__
    assert int(status) == kind.exit_status
    assert http == http_words(kind)


def test_what_the_api_alone_answers_with_has_one_line_each_and_no_code_of_a_class() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if re.match(r"\| `[a-z-]+` \| \d{3} \|", line)
    ]
    assert {row[0].strip("`"): int(row[1]) for row in rows} == dict(OWN_PROBLEMS)
    assert len(rows) == len(OWN_PROBLEMS)
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)
    assert not set(OWN_PROBLEMS) & set(CLASSES)


def test_a_line_names_the_fields_that_its_class_is_raised_with() -> None:
    used = raised_with()
    for code, kind in CLASSES.items():
        named = fields_of(BY_CODE[code])
        assert named <= set(Place.__annotations__), code
        assert used[kind.__name__] <= named, code


def test_a_line_says_what_it_means_and_what_to_do() -> None:
    assert all(len(row) == 7 and row[5] and row[6] for row in ROWS)


def test_a_class_in_brackets_is_raised_nowhere() -> None:
    bases = {row[1].strip("()") for row in ROWS if row[1].startswith("(")}
    assert bases == {"SourceError", "TargetError"}
    assert not bases & {call.func.id for call in calls() if isinstance(call.func, ast.Name)}


def test_every_member_and_field_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", PAGE.partition("## Codes")[0]))
    assert set(error_record(ConvoyError("x"))) | set(Place.__annotations__) <= explained


def test_the_readme_and_the_http_reference_lead_here() -> None:
    assert "(docs/errors.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(errors.md)" in (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
