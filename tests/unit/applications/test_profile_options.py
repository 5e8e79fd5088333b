"""What a run takes of a profile, and what goes before it: the typed flags, the mapping file, the request's fields."""

from __future__ import annotations

import pytest

from api.request_models import Options, RunRequest
from migration.applications.profile_application import above_profile, with_flags, with_profile
from migration.mapping_file.mapping_file_merge import as_optional, merged
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Mode, Source
from migration.report.next_commands import repeat
from migration.run_options import RunOptions

LOWER = as_optional(
    parse_mapping(
        '[tables.a]\nrename = "aa"\n[tables.a.columns]\nx = { epoch = "ms", rename = "xx" }\ny = { type = "uuid" }\n'
        '[tables.b]\nkey = ["id"]\n',
        "profile",
    )
)


def test_mapping_file_goes_before_the_profile_column_by_column() -> None:
    upper = parse_mapping('[tables.A]\n[tables.A.columns]\nX = { type = "bigint" }\n', "mine.toml")
    both = merged(upper, LOWER)
    assert both is not None
    assert (both.name, both.is_profile) == ("mine.toml", False)
    first, second = both.tables
    assert (first.table, first.rename, first.optional) == ("A", "aa", False)
    assert [(c.column, c.type, c.epoch, c.rename, c.optional) for c in first.columns] == [
        ("X", "bigint", None, "xx", False),
        ("y", "uuid", None, None, True),
    ]
    assert (second.table, second.key, second.optional) == ("b", ("id",), True)


def test_what_is_said_of_one_source_leaves_the_profile_for_the_others() -> None:
    upper = parse_mapping('[sources.one.tables.a]\nrename = "mine"\n', "mine.toml")
    both = merged(upper, LOWER)
    assert both is not None
    assert [(t.source, t.table, t.rename) for t in both.tables] == [
        ("one", "a", "mine"),
        (None, "a", "aa"),
        (None, "b", None),
    ]


@pytest.mark.parametrize("pair", [(None, LOWER), (LOWER, None)])
def test_one_alone_stays_as_it_is(pair) -> None:
    assert merged(*pair) == LOWER


def test_flags_of_the_profile_are_defaults() -> None:
    assert with_flags("grafana", {"data_only": False}, ())["data_only"] is True
    assert with_flags("grafana", {"data_only": False}, {"data_only"})["data_only"] is False
    assert with_flags(None, {"data_only": False}, ()) == {"data_only": False}


def test_versions_that_differ_by_design_are_not_compared_where_rows_alone_are_loaded() -> None:
    assert with_flags("prefect", {"data_only": False, "ignore_version": False}, ())["ignore_version"] is True
    whole = with_flags("prefect", {"data_only": False, "ignore_version": False}, {"data_only"})
    assert (whole["data_only"], whole["ignore_version"]) == (False, False)
    assert "ignore_version" not in with_flags("grafana", {}, ())


def test_tables_are_left_alone_and_the_file_has_a_hash() -> None:
    options = with_profile(RunOptions(data_only=True), "Grafana")
    assert (options.app, len(options.app_sha256)) == ("grafana", 64)
    assert "migration_log" in options.left_alone
    mapping = parse_mapping('[tables.a]\nrename = "b"\n', "later.toml")
    assert above_profile(mapping, options) == mapping
    assert above_profile(mapping, RunOptions()) is mapping


@pytest.mark.parametrize(
    ("given", "data_only", "switch"),
    [({}, True, None), ({"data_only": False}, False, "--no-data-only"), ({"data_only": True}, True, None)],
)
def test_request_names_a_profile_and_its_own_fields_win(given, data_only: bool, switch: str | None) -> None:
    request = RunRequest(sources=("a.db",), options=Options(app="grafana", **given))
    options = request.run_options(Mode.MIGRATE, (Source("a", "a.db"),), "postgresql://h/d")
    assert options.data_only is data_only
    assert options.app == "grafana"
    line = repeat(options, Mode.MIGRATE).split()
    assert line[line.index("--app") + 1] == "grafana"
    assert ("--no-data-only" in line) is (switch is not None)


def test_line_to_repeat_has_no_mapping_file_that_nobody_gave() -> None:
    options = with_profile(RunOptions(), "educational")
    assert options.mapping is not None
    assert "--mapping" not in repeat(options, Mode.MIGRATE)
