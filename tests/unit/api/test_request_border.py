"""What PostgreSQL could not store is refused before anything is asked of it."""

from __future__ import annotations

import pytest

from tests.support.api import ApiClient

START = "/api/v1/migration/start"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"sources": [{"path": "school.db", "label": "a\\u0000b"}]}', "#/sources/0/label"),
        (b'{"sources": [{"path": "school.db", "label": "\\ud800"}]}', "#/sources/0/label"),
        (
            b'{"sources": ["school.db"], "options": {"mapping": {"tables": {"\\u0000": {}}}}}',
            "#/options/mapping",
        ),
        (b'{"sources": ["school.db"], "options": {"mapping": {"x": 1e999}}}', "#/options/mapping/x"),
        (
            b'{"sources": ["school.db"], "options": {"mapping": {"x": 9223372036854775808}}}',
            "#/options/mapping/x",
        ),
        (b'{"sources": ["school.db"], "options": {"cutover_patience": NaN}}', "#/options/cutover_patience"),
        (b'{"sources": ["school.db"], "options": {"chunk_rows": 99999999999}}', "#/options/chunk_rows"),
        (b'{"sources": ["school.db"], "options": {"max_workers": 2147483648}}', "#/options/max_workers"),
        (b'{"sources": ["' + b"x" * 300 + b'"]}', "#/sources/0"),
        (
            b'{"sources": ["school.db"], "options": {"mapping": ' + b'{"a":' * 80 + b"1" + b"}" * 82,
            "#/options",
        ),
    ],
)
def test_what_cannot_be_stored_is_refused_where_it_stands(
    client: ApiClient, body: bytes, pointer: str
) -> None:
    answer = client.post(START, content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert any(error["pointer"].startswith(pointer) for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/v1/migration?limits=5", "limits"),
        ("/healthz?x=1", "x"),
        ("/api/v1/migration/tables?app=math", "app"),
        ("/api/v1/migration?source=%00", "source"),
        ("/api/v1/migration?since=0", "since"),
        ("/api/v1/migration?status=gone", "status"),
        ("/api/v1/migration?limit=1&limit=2", "limit"),
    ],
)
def test_unknown_and_unusable_parameters_are_refused(client: ApiClient, path: str, named: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, named in answer.text) == (422, True), answer.text


@pytest.mark.parametrize(
    "media_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"],
)
def test_a_body_that_is_not_json_is_refused_and_no_body_is_not(
    client: ApiClient, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    assert client.post(START, content=b"{}", headers=headers).status_code == 415
    assert client.post(START, content=b"", headers=headers).status_code != 415


@pytest.mark.parametrize(
    "body",
    [
        b'{"sources": ["school.db"], "sources": ["other.db"]}',
        b'{"sources": ["school.db"], "options": {"target_schema": "a", "target_schema": "b"}}',
    ],
)
def test_a_name_that_stands_twice_in_an_object_is_refused(client: ApiClient, body: bytes) -> None:
    answer = client.post(START, content=body, headers=JSON)
    assert (answer.status_code, "twice" in answer.text) == (422, True), answer.text


def test_a_slash_too_many_leads_nowhere(client: ApiClient) -> None:
    assert client.get("/api/v1/migration/", headers={"Host": "elsewhere.example"}).status_code == 404


def test_no_answer_may_be_taken_for_another_type(client: ApiClient) -> None:
    for path in ("/healthz", "/openapi.json", "/api/v1/migration/nothing/status"):
        assert client.get(path).headers["x-content-type-options"] == "nosniff"
