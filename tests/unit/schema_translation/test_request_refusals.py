"""What can be refused by name is refused by name: of a command, of a request, and of a run that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from api.request_models import RunRequest
from migration.errors import UsageError
from migration.mapping_file.mapping_file_reader import read_mapping
from migration.model import IfExists, Mode, Source
from migration.run_options import RunOptions
from migration.schema_translation.request_refusals import as_flag, refuse_by_name
from producer.cli.app import commands
from producer.cli.option_values import run_options

SHOP = (Source("shop", "shop.db"),)
RUN_SCHEMA = f"convoy_{'0' * 32}_staging"
RUN_SCHEMAS = [
    f"convoy_{'0af' * 10}ed{end}"
    for end in ("", "_staging", "_previous", "_previous_2", "_kept", "_staging_trial")
]
TWICE = {"tables": {"a": {"rename": "x"}, "b": {"rename": "x"}}}
LABELLED = {"sources": {"shop": TWICE}}


def of_table(**override: object) -> dict[str, Any]:
    return {"tables": {"t": override}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    **{
        schema: ({"target_schema": schema}, "is not for users' tables")
        for schema in (
            *("convoy", "information_schema", "pg_catalog", "pg_toast", "pg_mine", RUN_SCHEMA),
            *RUN_SCHEMAS,
        )
    },
    "rows into another run's tables": ({"target_schema": RUN_SCHEMA, "data_only": True}, "is not for users'"),
    "rows over another run's tables": (
        {"target_schema": RUN_SCHEMAS[2], "if_exists": "replace"},
        "is not for users' tables",
    ),
    "rows into the ledger": ({"target_schema": "convoy", "data_only": True}, "is not for users' tables"),
    "two ways to a schema": ({"target_schema": "a", "schema_per_source": True}, "exclude each other"),
    "merge of a migration": ({"if_exists": "merge"}, "a migration makes tables of its own"),
    "triggers of a migration": ({"fire_triggers": True}, "is for"),
    "version of a migration": ({"ignore_version": True}, "is for"),
    "conflict without a merge": ({"on_conflict": "source"}, "is for"),
    "conflict of a replacement": ({"on_conflict": "target", "if_exists": "replace"}, "is for"),
    "wanted and unwanted": ({"tables": ["Pupil"], "exclude": ["x", "pupil"]}, "Pupil is in"),
    "not in the catalog": (
        {"catalog": "educational", "tables": ["users", "math_problen"]},
        "has no table math_problen",
    ),
    "label that is not there": (
        {"mapping": {"sources": {"shp": {"tables": {"t": {}}}}}},
        "Did you mean shop",
    ),
    "skipped and wanted": ({"mapping": of_table(skip=True), "tables": ["shop.T"]}, "asks for a table that"),
    "key that is skipped": ({"mapping": of_table(key=["id"], columns={"Id": {"skip": True}})}, "is skipped"),
    "column of the server's": (
        {"mapping": of_table(columns={"c": {"rename": "ctid"}})},
        "has that name for itself",
    ),
    "two columns of one name": (
        {"mapping": of_table(columns={"c": {"rename": "x"}, "d": {"rename": "x"}})},
        "renames both c and d to x",
    ),
    "two tables of one name": ({"mapping": TWICE}, "renames both a and b to x"),
    "two tables of a source": ({"mapping": LABELLED}, "renames both a and b to x"),
}
TAKEN: dict[str, dict[str, Any]] = {
    "nothing": {},
    "almost the ledger": {"target_schema": "convoy_2"},
    "almost the server": {"target_schema": "pgx"},
    "almost a run's": {"target_schema": f"convoy_{'0' * 33}"},
    "upper case": {"target_schema": "PG_DATA"},
    "schema for each": {"schema_per_source": True},
    "merge of rows": {"data_only": True, "if_exists": "merge", "fire_triggers": True, "ignore_version": True},
    "conflict of a merge": {"data_only": True, "if_exists": "merge", "on_conflict": "source"},
    "catalog": {"catalog": "educational", "tables": ["users", "shop.math_problem"]},
    "one of two stays out": {"mapping": TWICE, "exclude": ["shop.b"]},
    "one of two is asked for": {"mapping": TWICE, "tables": ["a"]},
    "one of two is skipped": {
        "mapping": {"tables": {"a": {"rename": "x"}, "b": {"rename": "x", "skip": True}}}
    },
    "label in another case": {"mapping": {"sources": {"SHOP": {"tables": {"t": {}}}}}},
}


def asked_of_run(options: Mapping[str, Any]) -> None:
    values = dict(options)
    values["if_exists"] = IfExists(values.get("if_exists", "refuse"))
    if "mapping" in values:
        values["mapping"] = read_mapping(values["mapping"], "map")
    for name in ("tables", "exclude"):
        values[name] = tuple(values.get(name, ()))
    refuse_by_name(RunOptions(sources=SHOP, **values))


def asked_of_api(options: Mapping[str, Any]) -> None:
    request = RunRequest.model_validate({"sources": ["shop.db"], "options": dict(options)})
    request.run_options(Mode.MIGRATE, SHOP, "")


def asked_of_command(options: Mapping[str, Any], folder: Path) -> None:
    words: list[str] = ["--source", "shop.db"]
    for name, value in options.items():
        flag = as_flag(name)
        if name == "mapping":
            path = folder / "map.toml"
            path.write_text(_toml(value), encoding="utf-8")
            words += [flag, str(path)]
        elif value is True:
            words.append(flag)
        else:
            words += [flag, ",".join(value) if isinstance(value, list) else value]
    command = commands.get_command(click.Context(commands), "migrate")
    assert command is not None
    context = command.make_context("migrate", words)
    run_options(Mode.MIGRATE, SHOP, dict(context.params))


def _toml(document: Mapping[str, Any]) -> str:
    lines: list[str] = []

    def write(section: Mapping[str, Any], path: str) -> None:
        lines.append(f"[{path}]")
        for name, value in section.items():
            if not isinstance(value, Mapping):
                lines.append(f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}")
        for name, value in section.items():
            if isinstance(value, Mapping):
                write(value, f"{path}.{name}")

    for name, section in document.items():
        write(section, name)
    return "\n".join(lines)


@pytest.mark.parametrize(("options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_all_three_refuse(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as of_run:
        asked_of_run(options)
    with pytest.raises(UsageError) as of_api:
        asked_of_api(options)
    with pytest.raises(UsageError) as of_command:
        asked_of_command(options, tmp_path)
    for caught in (of_run, of_api, of_command):
        assert sentence in str(caught.value)
    assert "--" not in str(of_api.value).replace("`migration-cli", "")


@pytest.mark.parametrize("mode", list(Mode))
def test_a_schema_of_another_run_is_refused_in_every_mode(mode: Mode) -> None:
    options = {"target_schema": RUN_SCHEMAS[2]}
    request = RunRequest.model_validate({"sources": ["shop.db"], "options": options})
    with pytest.raises(UsageError, match="is not for users' tables"):
        request.run_options(mode, SHOP, "")


@pytest.mark.parametrize("options", TAKEN.values(), ids=TAKEN)
def test_all_three_take(options: dict[str, Any], tmp_path: Path) -> None:
    asked_of_run(options)
    asked_of_api(options)
    asked_of_command(options, tmp_path)


@pytest.mark.parametrize("label", ["pg_backup", "convoy", *RUN_SCHEMAS, "a" * 64, "ä" * 32, ""])
def test_a_label_that_can_be_no_schema_is_refused_where_it_is_to_be_one(label: str) -> None:
    sources = (*SHOP, Source(label, "other.db"))
    refuse_by_name(RunOptions(sources=sources))
    with pytest.raises(UsageError, match="Give the source another label"):
        refuse_by_name(RunOptions(sources=sources, schema_per_source=True))
