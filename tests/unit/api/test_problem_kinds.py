"""Problems are a closed list: names, statuses and codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from api.cluster_connections import Cluster
from api.problem_documents import ProblemError, from_convoy
from api.problem_kinds import ACT_REFUSALS, OWN_PROBLEMS, OWN_RETRYABLE, kind_of, kinds_of, problem_kind
from migration.error_record import error_classes
from migration.errors import RunStateError, TargetUnreachableError, UnknownRunError
from tests.support.api import api_settings

ROOT = Path(__file__).resolve().parents[3]


def named_in_the_code() -> set[str]:
    """Return the names with which the API makes problems, where they are written as a text."""
    found = set()
    for path in (ROOT / "api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "ProblemError",
                "_conflict",
                "_refusals",
            }:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_every_problem_of_the_code_is_listed_and_every_own_one_occurs() -> None:
    named = named_in_the_code()
    assert len(named) > 20
    for name in named:
        assert problem_kind(name).name == name
    assert set(ACT_REFUSALS) <= named
    assert set(OWN_PROBLEMS) <= named | {"not-found", "method-not-allowed"}
    assert set(OWN_PROBLEMS) >= OWN_RETRYABLE


def test_every_problem_stands_in_the_http_reference_with_its_status() -> None:
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| (\d{3}) \|", page, re.MULTILINE)
    listed = {name: int(status) for names, status in rows for name in re.findall(r"[a-z-]+", names)}
    wanted = {kind.name: int(kind.status) for error in error_classes() for kind in kinds_of(error)}
    assert listed == wanted | {name: int(status) for name, status in OWN_PROBLEMS.items()}


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.code)
def test_what_an_error_becomes_is_among_what_is_listed_of_it(kind: type[RunStateError]) -> None:
    assert problem_kind(from_convoy(kind("x")).name) in kinds_of(kind)
    assert kind_of(kind).name == kinds_of(kind)[0].name


def test_a_run_that_is_not_there_is_404_and_one_in_another_state_409() -> None:
    assert {kind.status for kind in kinds_of(UnknownRunError)} == {404}
    assert {kind.status for kind in kinds_of(RunStateError)} == {409}
    assert {kind.status for kind in kinds_of(TargetUnreachableError)} == {503}


def test_a_problem_of_no_list_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        ProblemError("no-such-problem", "x")


def test_commands_of_a_named_target_name_it() -> None:
    line = "migration-cli rollback 01 --force"
    assert Cluster(api_settings(None), "shop").pastable(line) == f"{line} --target shop"
    assert Cluster(api_settings(None)).pastable(line) == line
