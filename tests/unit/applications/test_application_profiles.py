"""Every profile can be read, says what it must, and its SQL is SQL; what is wrong in one is refused by name."""

from __future__ import annotations

import pytest
import sqlglot

from migration.application_errors import ApplicationProfileError, UnknownApplicationError
from migration.applications.application_signatures import recognised
from migration.applications.profile_reader import find_profile, profile_names, read_profile
from migration.applications.profile_steps import profile_steps
from migration.errors import MappingFileError

WANTED = {
    "django", "rails", "laravel", "vaultwarden", "grafana", "gitea", "home-assistant", "n8n", "servarr", "nextcloud",
    "mlflow", "jupyterhub", "prefect", "airflow", "wagtail", "open-webui", "authelia", "educational",
    "paperless-ngx", "vikunja", "mealie", "hedgedoc", "wikijs", "firefly-iii", "strapi", "directus", "kanboard",
    "headscale",
}  # fmt: skip
LEAST = b"""
title = "A"
what = "B"
facts = ["https://example.org"]
tried = "Not tried."
file = "a.db"
schema = "C"
stop = "D"
by_hand = ["E"]
back = "F"
"""


def test_the_applications_that_are_asked_for_most_are_there() -> None:
    assert set(profile_names()) >= WANTED


@pytest.mark.parametrize("name", profile_names())
def test_profile_is_whole(name: str) -> None:
    named = find_profile(name)
    profile = named.profile
    assert len(named.sha256) == 64
    assert all(url.startswith("https://") for url in profile.facts)
    assert len(profile.facts) == len(set(profile.facts)) >= 1
    for check in (*profile.before, *profile.after):
        assert sqlglot.parse_one(check.source, read="sqlite").key == "select"
        assert sqlglot.parse_one(check.target_sql, read="postgres").key == "select"
    titles = [step.title for step in profile_steps(named)]
    assert titles[0] == "Stop"
    assert titles[-1] == "Go back"
    assert (named.mapping is None) == (not profile.tables)
    if named.mapping is not None:
        assert all(table.optional for table in named.mapping.tables)
        assert all(column.optional for table in named.mapping.tables for column in table.columns)


@pytest.mark.parametrize("name", [n for n in profile_names() if find_profile(n).profile.signature])
def test_application_is_known_by_its_tables_and_not_by_some_of_them(name: str) -> None:
    signature = find_profile(name).profile.signature
    found = recognised([*(table.upper() for table in signature), "something_else"])
    assert found is not None
    assert found.name == name
    fewer = recognised(signature[1:])
    assert fewer is None or fewer.name != name


def test_no_application_is_seen_in_ordinary_tables() -> None:
    assert recognised(["users", "orders", "order_items", "products"]) is None


def test_least_profile_is_read() -> None:
    assert read_profile("least", LEAST).mapping is None


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        (b'colour = "red"', ApplicationProfileError, "colour"),
        (b"[[before]]\nwhat = 'x'\nsql = 'y'", ApplicationProfileError, r"sql.*before"),
        (b"[flags]\nfast = true", ApplicationProfileError, "fast"),
        (b"title = ", ApplicationProfileError, "profile broken cannot be read"),
        (b"\xff", ApplicationProfileError, "cannot be read"),
        (b"[tables.a]\ncolour = 1", MappingFileError, "colour"),
    ],
)
def test_what_there_is_not_is_refused(more: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_profile("broken", LEAST + more)


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(ApplicationProfileError, match="title"):
        read_profile("broken", LEAST.replace(b'title = "A"', b""))


def test_name_is_found_in_capitals_and_a_wrong_one_has_neighbours() -> None:
    assert find_profile("Grafana").name == "grafana"
    with pytest.raises(UnknownApplicationError) as caught:
        find_profile("grafna")
    assert "grafana" in caught.value.remedy
    assert caught.value.exit_status == 2
