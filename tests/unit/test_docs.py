"""What the documents tell a reader to type, and where they send them, exists."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import click
import pytest

from producer.cli.app import COMMANDS, commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND_LINE = re.compile(r"migration-cli\s+([a-z][a-z-]*)([^\n`|#)]*)")


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def command(name: str) -> click.Command:
    found = commands.get_command(click.Context(commands), name)
    assert found is not None, f"no command {name}"
    return found


@cache
def flags_of(name: str) -> frozenset[str]:
    found = command(name)
    parts = [found, *found.commands.values()] if isinstance(found, click.Group) else [found]
    return frozenset(
        flag
        for part in parts
        for parameter in part.params
        if isinstance(parameter, click.Option)
        for flag in (*parameter.opts, *parameter.secondary_opts)
    )


ALL_FLAGS = frozenset({"--help", "--mode", "--version"})


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_and_their_flags_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for name, rest in COMMAND_LINE.findall(text):
        assert name in COMMANDS, name
        for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest):
            assert flag in flags_of(name) | ALL_FLAGS, f"{name} {flag}"


def test_flags_that_the_readme_names_alone_belong_to_migrate() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for code in re.findall(r"`(--[^`]+)`", text):
        for flag in re.findall(r"--[a-z][a-z-]*", code):
            assert flag in flags_of("migrate") | ALL_FLAGS, flag


def test_readme_states_every_exit_status() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (.+?) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    epilog = commands.epilog or ""
    assert [int(status) for status, _ in rows] == [0, 1, 2, 3, 130]
    for status, meaning in rows:
        assert re.search(rf"^\s+{status}\s+{re.escape(meaning.partition(';')[0])}", epilog, re.MULTILINE), (
            status
        )


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    lines = re.findall(r"(?:`|\$ |&& |: )make((?: [a-z-]+)+)", page.read_text(encoding="utf-8"))
    for name in " ".join(lines).split():
        assert name in targets, name


def test_every_make_target_is_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split()
    explained = re.findall(r"^([a-z-]+):.* ## \S.*\.$", text, re.MULTILINE)
    assert sorted(phony) == sorted(explained)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_paths_in_code_marks_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(
        r"`((?:migration|producer|worker|api|bench|examples|tests|scripts)/[\w./-]*)`", text
    ):
        assert (ROOT / path).exists() or path == "bench/results.json", path


def test_lock_holds_versions_and_hashes_only() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert re.fullmatch(
            r"[a-z0-9][a-z0-9.-]*(\[[a-z,-]+\])?==[\w.]+( ; [\w .'<>=()!+-]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?",
            line,
        ), line
