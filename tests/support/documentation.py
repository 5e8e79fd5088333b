"""The fenced blocks of the documents: what each of them is, and the commands in it.

The info string of a block says what holds it to the truth, and there are no others than these:

    console           lines that begin with `$ ` are executed, the lines below each are what it prints (`…`: anything)
    sql               executed on a PostgreSQL
    json answer       what the command before it answers: the same fields, whatever their values
    toml, json, yaml, python
                      parsed; with a name (`toml book.toml`) it is that file, too, for the commands that follow
    text              an illustration, not executed
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]

CLUSTER_PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "operations.md",
    ROOT / "docs" / "http.md",
    ROOT / "docs" / "how-to" / "platform-team.md",
]
"""Played one after the other on one cluster, which the first of them starts; each other page has a shell of its own."""

SEVERAL_TARGETS_PAGE = ROOT / "docs" / "several-targets.md"
"""Played on a cluster of several databases: tests/integration/pipeline/test_commands_of_several_targets.py."""

INFO = re.compile(r"console|sql|json answer|text|(?:toml|json|yaml|python)(?: [\w-]+\.\w+)?")
EXECUTED = frozenset({"console", "sql"})

IN_A_FRESH_ENVIRONMENT = "tests/acceptance/test_installed_wheel.py executes it, in a fresh environment"

CHECKED_OTHERWISE = {
    ("README.md", "make test"): "is what runs the tests of this page",
    ("README.md", "pip install 'convoy-migrate[embedded]'"): IN_A_FRESH_ENVIRONMENT,
    ("README.md", "migration-cli migrate --source chinook.db --target-url embedded"): IN_A_FRESH_ENVIRONMENT,
    (
        "README.md",
        """migration-cli psql -c 'SELECT * FROM "Artist" ORDER BY 1 LIMIT 3'""",
    ): IN_A_FRESH_ENVIRONMENT,
    ("docs/install.md", "pip uninstall -y convoy-migrate"): IN_A_FRESH_ENVIRONMENT,
    ("CONTRIBUTING.md", "git clone REPOSITORY convoy && cd convoy"): ".ci/run runs in a fresh clone",
    (
        "CONTRIBUTING.md",
        "make check",
    ): "is lint, types, contracts and `make test-all`; .ci/run runs them one by one",
    ("CONTRIBUTING.md", "make test-fast"): "is a part of `make test`",
    ("CONTRIBUTING.md", ".venv/bin/ruff format . && make lint types contracts"): (
        "would rewrite the files that are tested; .ci/run checks the format"
    ),
    ("docs/fidelity.md", ".venv/bin/python -m bench.fidelity FOLDER"): (
        "installs pgloader and rewrites the page; tests/integration/bench/test_judge.py holds its judge"
    ),
}
"""Commands that no test of the documents executes, and why; without the comment behind them."""


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is that of its opening fence."""

    page: Path
    line: int
    info: str
    text: str

    @property
    def kind(self) -> str:
        """The language."""
        return self.info.partition(" ")[0]

    @property
    def is_answer(self) -> bool:
        return self.info == "json answer"

    @property
    def file_name(self) -> str | None:
        """The file that this block is, for the commands that follow."""
        name = self.info.partition(" ")[2]
        return None if self.is_answer else name or None

    @property
    def place(self) -> str:
        """Where the block stands, for messages."""
        return f"{page_name(self.page)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a console block, its continuation lines included, and what it prints by the document."""

    text: str
    output: tuple[str, ...]

    @property
    def bare(self) -> str:
        """The command without the comment behind it."""
        return re.sub(r"\s+#\s.*", "", self.text)


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page in order; a fence that is not closed is an error."""
    found: list[Block] = []
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        assert not line.lstrip().startswith("~~~"), (
            f"{page_name(page)}:{number}: blocks begin with backquotes"
        )
        fence = re.match(r"\s*```(.*)", line)
        if fence is None:
            lines.append(line)
        elif opened is None:
            opened, lines = (number, fence[1].strip()), []
        else:
            assert not fence[1].strip(), f"{page_name(page)}:{number}: a block begins inside another one"
            found.append(Block(page, *opened, "\n".join(lines) + "\n"))
            opened = None
    assert opened is None, f"{page_name(page)}:{opened}: the block has no end"
    return found


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a console block in order."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(([line.removeprefix("$ ")], []))
            continue
        assert found, f"{block.place}: the first line of a console block begins with `$ `"
        command, output = found[-1]
        if command[-1].endswith("\\"):
            command.append(line)
        else:
            output.append(line)
    return [Command("\n".join(command), tuple(output)) for command, output in found]
