from __future__ import annotations

from collections import Counter

import pytest

from tests.support.api import ApiClient

TABLES = "/api/v1/migration/tables"
SCHEMA = "/api/v1/migration/schema"


def test_the_catalog_has_34_entries_in_six_apps(client: ApiClient) -> None:
    catalog = client.get(TABLES).json()

    assert catalog["total"] == 34
    assert {app["app"]: len(app["tables"]) for app in catalog["apps"]} == {
        "core": 2,
        "gamification": 5,
        "analytics": 5,
        "math": 8,
        "reading": 8,
        "comprehension": 6,
    }


def test_every_table_has_a_schema_at_the_path_that_the_list_names(client: ApiClient) -> None:
    entries = [(app["app"], table) for app in client.get(TABLES).json()["apps"] for table in app["tables"]]

    for app, table in entries:
        found = client.get(table["schema_path"])
        assert found.status_code == 200, table
        assert (found.json()["app"], found.json()["name"]) == (app, table["name"])
        assert len(found.json()["columns"]) == table["columns"]
    assert Counter(table["name"] for _, table in entries)["question"] == 2


def test_a_schema_shows_both_types(client: ApiClient) -> None:
    columns = {column["name"]: column for column in client.get(f"{SCHEMA}/users").json()["columns"]}

    assert (columns["id"]["sqlite_type"], columns["id"]["postgresql_type"]) == ("INTEGER", "integer")
    assert columns["id"]["primary_key"]
    assert columns["email"]["postgresql_type"] == "text"
    assert columns["created_at"]["postgresql_type"] == "timestamp with time zone"
    answers = {column["name"]: column for column in client.get(f"{SCHEMA}/user_progress").json()["columns"]}
    assert answers["correct"]["postgresql_type"] == "boolean"
    assert answers["user_answer"]["postgresql_type"] == "jsonb"


def test_names_are_found_in_any_case(client: ApiClient) -> None:
    assert client.get(f"{SCHEMA}/Users").json()["name"] == "users"


def test_an_ambiguous_name_is_answered_with_its_choices(client: ApiClient) -> None:
    answer = client.get(f"{SCHEMA}/question")

    assert answer.status_code == 300
    assert answer.headers["content-type"] == "application/problem+json"
    choices = answer.json()["choices"]
    assert [choice["app"] for choice in choices] == ["reading", "comprehension"]
    for choice in choices:
        assert client.get(choice["path"]).json()["app"] == choice["app"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/no_such_table", "no such table"),
        ("/users?app=math", "belongs to core"),
        ("/question?app=x", "reading"),
    ],
)
def test_an_unknown_table_is_not_found(client: ApiClient, path: str, words: str) -> None:
    answer = client.get(SCHEMA + path)

    assert answer.status_code == 404
    assert words in answer.json()["detail"]
