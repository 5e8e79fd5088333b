"""Whoever writes a command into a remedy also says, in a next step, what the command is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lacking(tree: ast.AST) -> Iterator[str]:
    """Yield the calls with a remedy that names a command of their own, and without next steps."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        remedy = given.get("remedy")
        if remedy is not None and "`migration-cli " in _words(remedy) and "next_steps" not in given:
            yield f"line {node.lineno}: {ast.unparse(remedy)}"


def _words(expression: ast.expr) -> str:
    return "".join(
        node.value
        for node in ast.walk(expression)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("room", ["api", "migration", "producer", "worker"])
def test_remedy_with_a_command_has_next_steps(room: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix(): list(lacking(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_one_that_lacks_them_is_found() -> None:
    assert list(lacking(ast.parse("E('x', remedy=f'Go on with `migration-cli resume {run}`')")))
    assert not list(lacking(ast.parse("E('x', remedy='Type `migration-cli status`', next_steps=(s,))")))
