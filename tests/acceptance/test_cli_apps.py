"""Profiles of applications on the command line: listed, shown, used, and refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.support.pipeline import Pipeline
from tests.support.shell import Shell, make_database


@pytest.fixture
def shell(tmp_path: Path, pipeline: Pipeline) -> Shell:
    there = Shell(tmp_path, pipeline.url)
    there.environment["MIGRATION_BROKER_URL"] = pipeline.cluster.broker_url
    make_database(tmp_path / "shop.db", rows=10)
    return there


def test_profiles_are_listed_and_shown(shell: Shell) -> None:
    status, out, err = shell.run("apps")
    assert status == 0, err
    assert "grafana         Dashboards" in out
    status, out, err = shell.run("apps", "Grafana")
    assert status == 0, err
    for words in (
        "1. Stop",
        "migration_log is left alone",
        "--app grafana --if-exists replace",
        "rollback RUN",
    ):
        assert words in out
    status, out, err = shell.run("apps", "--json")
    assert status == 0, err
    listed = {profile["name"]: profile for profile in json.loads(out)}
    assert listed["django"]["flags"]["data_only"] is True
    status, out, err = shell.run("apps", "django", "--json")
    assert json.loads(out) == listed["django"]


def test_a_wrong_name_has_neighbours(shell: Shell) -> None:
    for line in (("apps", "grafna"), ("migrate", "--source", "shop.db", "--app", "grafna")):
        status, _, err = shell.run(*line)
        assert status == 2
        assert "There is no profile of an application called grafna" in err
        assert "Did you mean grafana" in err


def test_flags_of_a_profile_are_defaults_and_what_is_typed_goes_before_them(shell: Shell) -> None:
    source = ("--source", "shop.db", "--target-schema", "cli_apps", "--app", "django")
    status, _, err = shell.run("migrate", *source)
    assert status == 2, err
    assert "The target has no tables" in err
    status, out, err = shell.run("migrate", *source, "--no-data-only")
    assert status == 0, err
    assert "By the profile django (migration-cli apps django)" in out
    with psycopg.connect(shell.target) as connection:
        found = connection.execute("SELECT count(*) FROM cli_apps.book").fetchone()
    assert found == (10,)
