"""The public surface, frozen: whatever programs, scripts and dashboards of others may rely on.

Each is a plain list in `public_surface/`. A change of any of them shows in review. Add what is new; take
away or rename only what a major version may.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from api.app import create_app
from api.problem_kinds import OWN_PROBLEMS
from documentation.metrics_page import metric_lines
from migration.error_record import error_classes
from migration.exit_status import ExitStatus
from migration.ledger.event_names import EventName
from migration.report.report_json_schema import schema_document
from migration.report.report_model import REPORT_VERSION
from migration.settings import Settings
from producer.cli.app import COMMANDS, commands
from tests.support.api import api_settings

LISTS = Path(__file__).resolve().parent / "public_surface"
PAGES = ("/", "/docs")


def surface_of(name: str, command: click.Command) -> Iterator[str]:
    """Each command as a line: its words, then its flags and arguments in alphabetical order."""
    words: list[str] = []
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            words += [*parameter.opts, *parameter.secondary_opts]
        else:
            words.append(str(parameter.name).upper())
    yield " ".join([f"{name}:", *sorted(words)])
    if isinstance(command, click.Group) and name != "migration-cli":
        for below, found in command.commands.items():
            yield from surface_of(f"{name} {below}", found)


def all_commands() -> list[str]:
    lines = list(surface_of("migration-cli", commands))
    for name in COMMANDS:
        found = commands.get_command(click.Context(commands), name)
        assert found is not None
        lines += surface_of(name, found)
    return lines


def report_keys() -> list[str]:
    records: dict[str, Any] = json.loads(schema_document())["$defs"]
    return [
        " ".join([f"{name}:", *record.get("properties", record.get("enum", ()))])
        for name, record in records.items()
    ]


def http_routes(folder: Path) -> list[str]:
    """The pages for people, which OpenAPI leaves out, and each method of each path of the API."""
    described = create_app(api_settings(folder)).openapi()["paths"]
    return [
        *(f"GET {path}" for path in PAGES),
        *(f"{m.upper()} {path}" for path in described for m in described[path]),
    ]


def listed(name: str) -> list[str]:
    """The lines of a list; one that is indented belongs to the line before it."""
    return (LISTS / f"{name}.txt").read_text(encoding="utf-8").strip().replace("\n    ", " ").splitlines()


def test_commands_flags_and_arguments() -> None:
    assert all_commands() == listed("command_lines")


def test_exit_statuses() -> None:
    assert [f"{status.value} {status.name}" for status in ExitStatus] == listed("exit_statuses")


def test_keys_and_values_of_report_json() -> None:
    assert report_keys() == listed("report_keys")
    assert REPORT_VERSION == 1


def test_http_paths(tmp_path: Path) -> None:
    assert http_routes(tmp_path) == listed("http_paths")


def test_codes_of_errors() -> None:
    assert sorted([*(error.code for error in error_classes()), *OWN_PROBLEMS]) == listed("error_codes")


def test_names_of_events() -> None:
    assert [event.value for event in EventName] == listed("event_names")


def test_names_and_labels_of_metrics() -> None:
    names = [" ".join([metric.kind, metric.name, *metric.labels]) for metric in metric_lines()]
    assert names == listed("metric_names")


def test_settings() -> None:
    assert [f"MIGRATION_{name.upper()}" for name in Settings.model_fields] == listed("setting_names")
