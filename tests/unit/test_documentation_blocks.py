"""No fenced block of the documents is left unlooked at: executed, parsed, or marked as an illustration."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import tomllib

import pytest
import yaml

from migration.mapping_file.mapping_file_reader import parse_mapping
from tests.support.documentation import (
    CHECKED_OTHERWISE,
    EXECUTED,
    INFO,
    PAGES,
    ROOT,
    Block,
    blocks_of,
    commands_of,
)

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def place(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("block", BLOCKS, ids=place)
def test_info_string_says_what_holds_the_block_to_the_truth(block: Block) -> None:
    assert INFO.fullmatch(block.info), (
        f"{block.place}: {block.info!r} is not of tests/support/documentation.py"
    )


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind not in EXECUTED], ids=place)
def test_block_is_what_its_info_string_says(block: Block) -> None:
    match block.kind:
        case "toml" if "[tables." in block.text or "[sources." in block.text:
            assert parse_mapping(block.text, block.place).tables
        case "toml":
            tomllib.loads(block.text)
        case "json":
            json.loads(block.text)
        case "yaml":
            yaml.safe_load(block.text)
        case "python":
            ast.parse(block.text)
        case "text":
            assert not block.text.startswith("$ "), "commands are to be executed"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "console"], ids=place)
def test_commands_are_what_a_shell_understands(block: Block) -> None:
    commands = commands_of(block)
    assert commands
    shell = shutil.which("bash")
    assert shell is not None
    for command in commands:
        subprocess.run([shell, "-n", "-c", command.text], check=True, capture_output=True)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.is_answer], ids=place)
def test_answer_follows_a_command(block: Block) -> None:
    before = [other for other in BLOCKS if other.page == block.page and other.line < block.line]
    assert before
    assert before[-1].kind == "console"


@pytest.mark.parametrize(("page", "command"), CHECKED_OTHERWISE)
def test_what_is_not_executed_still_stands_there(page: str, command: str) -> None:
    found = [
        item.bare
        for block in blocks_of(ROOT / page)
        if block.kind == "console"
        for item in commands_of(block)
    ]
    assert command in found


def test_little_is_not_executed() -> None:
    assert len([why for why in CHECKED_OTHERWISE.values() if "executes it" not in why]) <= 6
