"""What is said of a failed run asks its error whether `resume` helps: commands, recommendations, and remedies, too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import migration
from migration.error_record import error_classes
from migration.model import Mode, Phase, Source
from migration.report.next_commands import next_steps
from migration.run_options import RunOptions
from migration.ways_on import WayOn, way_on

RUN = "01a22c78-93b2-7406-8ef4-d64aa72ef2b3"
OPTIONS = RunOptions(sources=(Source("shop", "shop.db"),), target="postgresql://here/shop")
ROOT = Path(migration.__file__).resolve().parents[1]
OF_RUNS = (
    "migration/source",
    "migration/steps",
    "migration/target",
    "migration/ledger",
    "producer/transitions",
)
OF_FINISHED_RUNS = ("rollback", "quarantine", "leftovers")
NEW_RUN = re.compile(
    r"start a new run|in a new run|migrate again|start the (run|migration) again", re.IGNORECASE
)


def commands(error_code: str) -> list[str]:
    steps = next_steps(RUN, Phase.FAILED, OPTIONS, has_tables=True, error_code=error_code)
    return [step.command for step in steps]


@pytest.mark.parametrize("code", [kind.code for kind in error_classes()])
def test_a_failed_run_has_commands_that_help_it(code: str) -> None:
    typed = commands(code)
    assert f"migration-cli cancel {RUN}" in typed
    assert (f"migration-cli resume {RUN}" in typed) == (way_on(code) in (WayOn.RESUME, WayOn.EITHER))
    again = f"migration-cli {Mode.MIGRATE} --source shop=shop.db --target-url postgresql://here/shop"
    assert (again in typed) == (way_on(code) in (WayOn.START_OVER, WayOn.EITHER))


def test_ways_that_people_take_most() -> None:
    assert way_on("staging-changed") is WayOn.START_OVER
    assert way_on("wrong-usage") is WayOn.ASK_ANEW
    assert way_on("target-permission-denied") is WayOn.RESUME
    assert way_on("") is WayOn.RESUME, "an older Convoy kept only the text"


def raised() -> Iterator[tuple[str, str, str]]:
    """Every error that the code makes: its place, its class and its remedy, as far as that is written down there."""
    for room in OF_RUNS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if any(word in str(path.relative_to(ROOT)) for word in OF_FINISHED_RUNS):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    for given in node.keywords:
                        if given.arg == "remedy":
                            words = [
                                part.value
                                for part in ast.walk(given.value)
                                if isinstance(part, ast.Constant) and isinstance(part.value, str)
                            ]
                            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.func.id, "".join(words)


def test_no_remedy_says_a_new_run_where_the_commands_say_resume() -> None:
    codes = {kind.__name__: kind.code for kind in error_classes()}
    asked = [(place, name) for place, name, remedy in raised() if NEW_RUN.search(remedy)]
    assert len(asked) > 5
    assert [(place, name) for place, name in asked if way_on(codes[name]) is WayOn.RESUME] == []
