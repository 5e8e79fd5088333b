"""What docs/ has from the code is what the code says now, and says something of everything."""

from __future__ import annotations

import json
import re

import click
import jsonschema_rs
import pytest

from api.problem_kinds import OWN_PROBLEMS
from documentation.error_list import errors_json
from documentation.http_api_page import openapi
from documentation.metrics_page import metric_lines
from documentation.reference_pages import DOCS, GENERATED
from migration.convoy_error import NextStep, Place
from migration.error_record import error_classes
from migration.settings import Settings, secret_names
from producer.cli.app import COMMANDS, commands

RENEW = "renew it: make reference"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_what_the_code_says(name: str) -> None:
    assert text(name) == GENERATED[name](), RENEW


@pytest.mark.parametrize("name", [name for name in GENERATED if name.endswith(".md")])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    width = 0
    for line in text(name).splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert bars in (0, width) or width == 0, line
        width = bars


def test_every_flag_of_every_command_is_on_the_page() -> None:
    sections = dict(
        re.findall(
            r"^## migration-cli ([a-z-]+)\n(.*?)(?=^## |\Z)",
            text("reference/command-line.md"),
            re.MULTILINE | re.DOTALL,
        )
    )
    context = click.Context(commands)
    assert sections.keys() == COMMANDS.keys()
    for name, section in sections.items():
        command = commands.get_command(context, name)
        assert command is not None
        parts = [command, *command.commands.values()] if isinstance(command, click.Group) else [command]
        flags = {
            flag
            for part in parts
            for option in part.params
            if isinstance(option, click.Option) and not option.hidden
            for flag in (*option.opts, *option.secondary_opts)
        }
        assert flags == set(re.findall(r"(?<=`)--?[a-z][a-z-]*(?=`)", section)) & flags, name


def test_every_operation_is_on_the_page() -> None:
    page = text("reference/http-api.md")
    for path, methods in openapi()["paths"].items():
        for method in methods:
            assert f"## `{method.upper()} {path}`" in page


def test_every_setting_is_on_the_page_with_a_meaning() -> None:
    rows = dict(
        re.findall(r"^\| `(MIGRATION_\w+)` \|.*\| (.*) \|$", text("reference/settings.md"), re.MULTILINE)
    )
    assert set(rows) >= {f"MIGRATION_{field}".upper() for field in Settings.model_fields}
    assert [name for name, meaning in rows.items() if not meaning.strip()] == []


def test_every_secret_is_marked_on_the_page_and_has_no_default() -> None:
    secrets = dict(
        re.findall(r"^\| `(\w+)` \| text, secret \| (.*?)\|", text("reference/settings.md"), re.MULTILINE)
    )
    assert set(secrets) == {f"MIGRATION_{name}".upper() for name in secret_names()}
    assert not any(default.strip() for default in secrets.values())


def test_other_variables_have_a_meaning() -> None:
    others = text("reference/settings.md").partition("## Of the programs around Convoy")[2]
    rows = [line.strip("|").split("|") for line in others.splitlines() if line.startswith("| `")]
    assert len(rows) > 5
    assert [name for name, _, meaning in rows if len(meaning.strip()) < 5] == []


def test_metrics_are_found_and_each_says_what_it_counts() -> None:
    lines = metric_lines()
    assert {"convoy_runs"} <= {line.name for line in lines}
    assert all(line.meaning for line in lines)


def test_the_list_of_errors_is_closed() -> None:
    document = json.loads(errors_json())
    by_code = {error["code"]: error for error in document["errors"]}
    assert by_code.keys() == {kind.code for kind in error_classes()} | OWN_PROBLEMS.keys()
    assert document["fields"] == list(Place.__annotations__)
    for error in by_code.values():
        assert error["meaning"], error
        assert error["remedy"], error
        assert error["is_a"] in by_code or error["code"] in {"unexpected-error", *OWN_PROBLEMS}
        assert "](" not in error["meaning"] + error["remedy"], "links make no sense outside of a page"


def test_every_next_step_says_who_carries_it_out() -> None:
    steps = json.loads(errors_json())["next_steps"]
    assert {step["by"] for step in steps} == {"convoy", "sql", "shell"}
    for step in steps:
        words = (step["command"] or "").split()
        if step["by"] == "convoy":
            assert words[1] in COMMANDS or words[1].startswith("{"), step


def test_errors_json_keeps_to_the_form_that_its_readers_are_promised() -> None:
    schema = {
        "type": "object",
        "required": ["exit_statuses", "fields", "errors", "next_steps"],
        "additionalProperties": False,
        "properties": {
            "exit_statuses": {"type": "object", "additionalProperties": {"type": "integer"}},
            "fields": {"type": "array", "items": {"type": "string"}},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": [
                        "code",
                        "exit_status",
                        "http_status",
                        "problem",
                        "http",
                        "retryable",
                        "fields",
                        "meaning",
                        "remedy",
                    ],
                    "properties": {
                        "retryable": {"type": "boolean"},
                        "exit_status": {"type": ["integer", "null"]},
                        "meaning": {"minLength": 1},
                        "remedy": {"minLength": 1},
                        "http": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["status", "problem"],
                                "additionalProperties": False,
                                "properties": {"status": {"minimum": 300}, "problem": {"type": "string"}},
                            },
                        },
                    },
                },
            },
            "next_steps": {
                "type": "array",
                "items": {"type": "object", "required": [*list(NextStep.__annotations__), "by"]},
            },
        },
    }
    jsonschema_rs.validate(schema, json.loads(text("errors.json")))


def test_what_the_api_answers_with_retry_after_is_retryable_in_the_list() -> None:
    errors = json.loads(errors_json())["errors"]
    outages = [error for error in errors if any(answer["status"] == 503 for answer in error["http"])]
    assert len(outages) > 10
    assert [error["code"] for error in outages if not error["retryable"]] == []
