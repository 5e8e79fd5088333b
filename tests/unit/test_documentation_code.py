"""What the documents say of the code's files, rooms and functions."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.documentation import ROOT

RULES_ROOM = "migration/value_conversion/rules"
"""Named in the line of the room that it is a part of."""
NO_NAMES = {"control", "copy", "done", "SELECT", "COPY"}
"""Words of the walk that look like names of the code: queues, a state, SQL."""

PACKAGES = ("migration", "producer", "worker", "api")
ROOMS = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("\n## ")[2]
WALK = (ROOT / "docs/chunk-walkthrough.md").read_text(encoding="utf-8")
MARK = r"`([^`\n]+)`"
STOPS = re.split(r"^(?=\d+\. )", WALK, flags=re.MULTILINE)[1:]


@cache
def names_of(path: str) -> frozenset[str]:
    """The functions, classes, methods and constants that a file defines."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                found.add(node.name)
                members = node.body if isinstance(node, ast.ClassDef) else []
                found |= {f"{node.name}.{item.name}" for item in members if isinstance(item, ast.FunctionDef)}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return frozenset(found)


def test_every_room_has_its_line() -> None:
    assert ROOMS.startswith("Where things live")
    rooms = sorted(
        path.parent.relative_to(ROOT).as_posix()
        for top in PACKAGES
        for path in (ROOT / top).rglob("__init__.py")
    )
    missing = [
        room for room in rooms if room not in {"migration", RULES_ROOM} and f"`{room}/`" not in first_cells()
    ]
    assert missing == []
    assert len(rooms) > 25


def first_cells() -> str:
    return "\n".join(line.split("|")[1] for line in ROOMS.splitlines() if line.startswith("| `"))


def test_every_place_of_the_table_exists() -> None:
    places = re.findall(MARK, first_cells())
    assert [place for place in places if not (ROOT / place).exists()] == []
    assert "`rules/`" in ROOMS


def test_modules_that_stand_in_no_room_have_their_line() -> None:
    alone = [path.relative_to(ROOT).as_posix() for path in (ROOT / "migration").glob("*.py")]
    missing = [path for path in alone if f"`{path}`" not in first_cells() and "__init__" not in path]
    assert missing == []


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.split(".", 1)[0])
def test_files_and_functions_of_the_walk_exist(stop: str) -> None:
    pairs = re.findall(r"`([\w/]+\.py)`,\s+" + MARK, stop)
    assert pairs, "a stop names a file and the function to open"
    for path, name in pairs:
        assert name in names_of(path), f"{path} has no {name}"
    paths = [path for path, _ in pairs]
    assert re.findall(r"`([\w/]+\.py)`", stop) == paths, "each file is followed by a function"


def test_other_names_of_the_walk_exist() -> None:
    files = set(re.findall(r"`([\w/]+\.py)`", WALK))
    model = names_of("migration/model.py") | names_of("migration/run_options.py")
    known = {name for path in files for name in names_of(path)} | model
    for name in re.findall(MARK, WALK):
        if re.fullmatch(r"[a-z_]+\(?\)?|[A-Z]\w+(\.\w+)?|_?[A-Z_]{4,}", name) and name not in NO_NAMES:
            assert name in known, name


def test_the_walk_counts_its_stops() -> None:
    assert [int(stop.split(".", 1)[0]) for stop in STOPS] == list(range(1, len(STOPS) + 1))


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_walk_can_be_found(page: str) -> None:
    assert "chunk-walkthrough.md)" in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda p: p.name)
def test_programs_that_are_named_exist(page: Path) -> None:
    for name in re.findall(
        r"python -m ((?:bench|examples|api|producer|worker)[\w.]*)", page.read_text("utf-8")
    ):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda p: p.name)
def test_modules_in_code_marks_exist(page: Path) -> None:
    """Such as `migration.queue`; paths with slashes are looked after in test_docs.py."""
    for name in re.findall(
        r"`((?:migration|producer|worker|api)(?:\.\w+)+)`", page.read_text(encoding="utf-8")
    ):
        path = ROOT / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name
