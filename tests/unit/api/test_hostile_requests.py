"""Requests of somebody who holds a token and means harm."""

from __future__ import annotations

import uuid

import pytest

from migration.ledger.run_acts import MAX_PERSON_CHARACTERS, Person
from migration.trace_context import parse_traceparent
from tests.support.api import ApiClient

START = "/api/v1/migration/start"
_DEEP = "[" * 200_000 + "]" * 200_000


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://localhost/x.db",
        "s3://bucket/x.db",
        "gs://bucket/x.db",
        "ftp://host/x.db",
        "memory://x.db",
        "github://org:repo@/x.db",
        "simplecache::http://127.0.0.1/x.db",
        "file://169.254.169.254/x.db",
        "HTTP://127.0.0.1/x.db",
        "http:/127.0.0.1/x.db",
        "zip://x.db::http://127.0.0.1/x.zip",
    ],
)
def test_the_server_fetches_no_url(client: ApiClient, location: str) -> None:
    answer = client.post(START, json={"sources": [location]})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff\xfe\x00",
        b"{",
        _DEEP.encode(),
        b'{"sources": ' + _DEEP.encode() + b"}",
        b'{"sources": ["school.db"], "chunk_rows": ' + b"9" * 5_000 + b"}",
        b'{"sources": ["school.db"], "chunk_rows": 1e999}',
        b'{"sources": ["school.db"], "unknown": 1}',
        b'{"sources": {"$ref": "file:///etc/passwd"}}',
    ],
    ids=[
        "empty",
        "null",
        "no text",
        "cut off",
        "deep",
        "deep sources",
        "digits",
        "infinite",
        "unknown",
        "reference",
    ],
)
def test_a_strange_body_is_a_problem_and_no_error(client: ApiClient, body: bytes) -> None:
    answer = client.post(START, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", [START, "/api/v1/migration/dry-run", "/api/v1/migration/validate"])
@pytest.mark.parametrize("schema", ["convoy", "pg_catalog", "information_schema", "pg_x"])
def test_schemas_of_the_server_are_refused_before_a_run_is_made(
    client: ApiClient, path: str, schema: str
) -> None:
    body = {"sources": ["school.db"], "options": {"target_schema": schema}}
    answer = client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["schema"] == schema
    labelled = {"sources": [{"path": "school.db", "label": schema}], "options": {"schema_per_source": True}}
    assert client.post(path, json=labelled).status_code == 422


@pytest.mark.parametrize("length", [256, 20_000])
def test_what_is_kept_of_headers_is_bounded(client: ApiClient, length: int) -> None:
    answer = client.post(START, json={"sources": ["school.db"]}, headers={"Idempotency-Key": "k" * length})
    assert answer.status_code == 422, answer.text

    answer = client.get("/healthz", headers={"X-Request-ID": "r" * length})
    assert len(answer.headers["X-Request-ID"]) == len(str(uuid.UUID(int=0)))
    traced = parse_traceparent(f"01-{'a' * 32}-{'b' * 16}-01-" + "t" * length)
    assert str(traced) == f"00-{'a' * 32}-{'b' * 16}-01"
    assert len(Person("token ops", "h" * length).host) <= MAX_PERSON_CHARACTERS
