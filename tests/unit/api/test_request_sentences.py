"""What is wrong with a request is said in words of a person, at the place in the body that was sent."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from api.request_models import CutoverRequest, Options, RollbackRequest, RunRequest
from tests.support.api import ApiClient

RUNS = "/api/v1/migration"
JSON = {"Content-Type": "application/json"}
WORDS_OF_THE_LIBRARY = (
    "Input",
    "Tuple",
    "a valid",
    "Value error",
    "Extra",
    "Field",
    "constrained",
    "function-",
)
SAMPLES: tuple[Any, ...] = (
    None,
    True,
    7,
    -7,
    1.5,
    10**12,
    "",
    "zz",
    "x" * 5000,
    [],
    [5],
    ["zz"] * 20_001,
    {},
    {"a": 1},
)


def wrong(client: ApiClient, body: object, path: str = f"{RUNS}/start") -> dict[str, str]:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    if answer.status_code != 422 or "errors" not in answer.json():
        return {}
    return {error["pointer"]: error["detail"] for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"sources": []}, {"#/sources": "It must have at least 1 entry"}),
        ({}, {"#/sources": "It is missing"}),
        ([], {"#/": "It must be an object"}),
        ({"sources": [5]}, {"#/sources/0": "It must be a text, or an object"}),
        ({"sources": [""]}, {"#/sources/0": "It may not be empty"}),
        ({"sources": [{"path": 5}]}, {"#/sources/0/path": "It must be a text"}),
        (
            {"sources": [{"paht": "a.db"}]},
            {
                "#/sources/0/path": "It is missing",
                "#/sources/0/paht": "There is no such member; did you mean path",
            },
        ),
        (
            {"sources": ["school.db"], "options": {"batchsize": 1}},
            {"#/options/batchsize": "There is no such member; did you mean batch_size"},
        ),
        (
            {"sources": ["school.db"], "source": "x"},
            {"#/source": "There is no such member; did you mean sources"},
        ),
        (
            {"sources": ["school.db"], "zzz": 1},
            {"#/zzz": "There is no such member; there are options, sources, target"},
        ),
        (
            {"sources": ["school.db"], "options": {"if_exists": "refus"}},
            {"#/options/if_exists": "It must be one of refuse, replace, merge; did you mean refuse"},
        ),
        (
            {"sources": ["school.db"], "options": {"hold": "perhaps", "priority": 101, "batch_size": 1.5}},
            {
                "#/options/hold": "It must be true or false",
                "#/options/priority": "It must be at most 100",
                "#/options/batch_size": "It must be a whole number",
            },
        ),
        (
            {
                "sources": ["school.db"],
                "options": {"priority": True, "cutover_patience": False, "chunk_rows": "5"},
            },
            {
                "#/options/priority": "It must be a whole number",
                "#/options/cutover_patience": "It must be a number",
                "#/options/chunk_rows": "It must be a whole number",
            },
        ),
        (
            {"sources": ["school.db"], "options": {"hold": 1, "salvage": "true", "data_only": 0.0}},
            {
                "#/options/hold": "It must be true or false",
                "#/options/salvage": "It must be true or false",
                "#/options/data_only": "It must be true or false",
            },
        ),
        (
            {"sources": ["school.db"], "options": {"source_timezone": "Mars"}},
            {"#/options/source_timezone": "It is no time zone of the IANA database, such as Europe/Vienna"},
        ),
        (
            {"sources": ["school.db"], "options": {"cutover_window": 5}},
            {"#/options/cutover_window": "It must be a text"},
        ),
    ],
)
def test_a_wrong_field_is_told_at_its_place_in_plain_words(
    client: ApiClient, body: object, expected: dict[str, str]
) -> None:
    assert wrong(client, body) == expected


def test_no_field_of_any_body_answers_with_the_words_of_the_library(client: ApiClient) -> None:
    told: set[tuple[str, str]] = set()
    for sample in SAMPLES:
        for name in RunRequest.model_fields:
            told |= set(wrong(client, {"sources": ["school.db"], name: sample}).items())
        for name in Options.model_fields:
            told |= set(wrong(client, {"sources": ["school.db"], "options": {name: sample}}).items())
    assert len(told) > len(Options.model_fields)
    members = {*RunRequest.model_fields, *Options.model_fields, "path", "a"}
    for pointer, sentence in told:
        assert not [word for word in WORDS_OF_THE_LIBRARY if word in sentence], (pointer, sentence)
        assert "what belongs here" not in sentence, pointer
        assert all(part in members or part.isdigit() for part in pointer.split("/")[1:]), pointer


def test_of_many_wrong_entries_the_sentence_names_three_and_the_number(client: ApiClient) -> None:
    body = json.dumps({"sources": ["school.db"], "options": {"tables": [5] * 1_000}})
    problem = client.post(f"{RUNS}/start", content=body, headers=JSON).json()
    assert problem["detail"].endswith("#/options/tables/2: It must be a text. And 997 more.")
    assert len(problem["errors"]) == 100


@pytest.mark.parametrize("model", [CutoverRequest, RollbackRequest])
def test_alternatives_of_a_member_are_no_part_of_its_place(
    model: type[CutoverRequest | RollbackRequest],
) -> None:
    from pydantic import ValidationError

    from api.request_sentences import wrong_fields

    for name in model.model_fields:
        for sample in SAMPLES:
            body = {name: sample}
            try:
                model.model_validate(body)
            except ValidationError as error:
                errors = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
                found = wrong_fields(errors, body, model)
                assert {place.split("/")[1] for place, _ in found} == {name}
                assert {place.count("/") for place, _ in found} <= {1}
                assert "what belongs here" not in str(found)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "It must be at least 1"),
        ("limit=x", "It must be a whole number"),
        ("limit=501", "It must be at most 500"),
        ("status=complete", "did you mean completed"),
        ("since=7", "must be a date, a time and an offset"),
        ("since=2031-05-01T02:00:00", "It must be a date, a time and an offset"),
        ("after=" + "x" * 2000, "It may have at most"),
    ],
)
def test_a_wrong_parameter_is_told_in_plain_words(client: ApiClient, query: str, sentence: str) -> None:
    detail = client.get(f"{RUNS}?{query}").json()["detail"]
    assert sentence in detail
    assert not [word for word in WORDS_OF_THE_LIBRARY if word in detail]


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (gzip.compress(b"{}", mtime=0), "looks compressed (gzip)"),
        ('{"sources": ["schöl.db"]}'.encode("latin-1"), "is not UTF-8 (byte 18 of it)"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deep: JSON may be nested 64 deep"),
        (b'{"sources": [' + b"9" * 5_000 + b"]}", "a whole number of thousands of digits"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_its_cause(
    client: ApiClient, body: bytes, cause: str
) -> None:
    answer = client.post(f"{RUNS}/start", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert cause in answer.json()["detail"]


def test_broken_json_says_where(client: ApiClient) -> None:
    told = client.post(f"{RUNS}/start", content=b'{"sources": ', headers=JSON).json()["errors"]
    assert told == [{"pointer": "#/", "detail": "This is no JSON: it cannot be read from character 12 on"}]


@pytest.mark.parametrize("encoding", ["deflate", "gzip", "br", "identity, gzip", "x"])
@pytest.mark.parametrize("path", ["start", "dry-run", "018f0000-0000-7000-8000-000000000000/pause"])
def test_a_body_that_is_said_to_be_compressed_is_refused(client: ApiClient, encoding: str, path: str) -> None:
    answer = client.post(
        f"{RUNS}/{path}", json={"sources": ["school.db"]}, headers={"Content-Encoding": encoding}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
    assert answer.headers["accept-encoding"] == "identity"
    assert "`Content-Encoding`" in answer.json()["detail"]


def test_identity_is_no_encoding(client: ApiClient) -> None:
    answer = client.post(f"{RUNS}/start", json={}, headers={"Content-Encoding": "identity"})
    assert answer.status_code == 422
