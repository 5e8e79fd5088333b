from __future__ import annotations

import json
import logging

import pytest
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.cluster_connections import Cluster
from api.problem_documents import from_convoy, members_of, problem_response
from migration import errors
from migration.convoy_error import ConvoyError, NextStep, Place
from migration.error_record import error_classes
from migration.full_disk_errors import DiskFullError
from tests.support.api import TOKEN, ApiClient, api_settings

START = "/api/v1/migration/start"

WRONG_BODIES = [
    (b"{", "#/"),
    (b'{"sources": [5]}', "#/sources/0"),
    (b'{"sources": [{"label": "x"}]}', "#/sources/0/path"),
    (b"[]", "#/"),
    (b"{}", "#/sources"),
    (b'{"sources": []}', "#/sources"),
    (b'{"sources": [""], "mode": "x"}', "#/mode"),
    (b'{"sources": ["school.db"], "options": {"batchsize": 1}}', "#/options/batchsize"),
    (b'{"sources": ["school.db"], "options": {"batch_size": 0}}', "#/options/batch_size"),
    (b'{"sources": ["school.db"], "options": {"chunk_rows": 0}}', "#/options/chunk_rows"),
    (b'{"sources": ["school.db"], "options": {"if_exists": "drop"}}', "#/options/if_exists"),
    (b'{"sources": ["school.db"], "options": {"identifiers": "upper"}}', "#/options/identifiers"),
    (b'{"sources": ["school.db"], "options": {"source_timezone": "Mars/Base"}}', "#/options/source_timezone"),
    (b'{"sources": ["school.db"], "options": {"catalog": "retail"}}', "#/options/catalog"),
    (b'{"sources": ["school.db"], "options": {"target_schema": ""}}', "#/options/target_schema"),
    (b'{"sources": ["no-such-file.db"]}', "#/sources/0"),
    (b'{"sources": [{"path": "../x.db"}]}', "#/sources/0"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG_BODIES)
def test_a_wrong_body_is_a_problem_that_points_at_the_field(
    client: ApiClient, body: bytes, pointer: str
) -> None:
    answer = client.post(START, content=body, headers={"Content-Type": "application/json"})

    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == 422
    assert problem["instance"] == START
    assert any(error["pointer"].startswith(pointer) for error in problem["errors"])


def test_a_problem_does_not_echo_what_was_sent(client: ApiClient) -> None:
    answer = client.post(START, json={"sources": ["school.db"], "password": "hunter2", "options": "hunter2"})

    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/no/such/path", 404, "not-found"),
        ("PUT", START, 405, "method-not-allowed"),
        ("GET", "/api/v1/migration/not-an-id/status", 404, "run-not-found"),
        ("GET", "/api/v1/migration/schema/status", 404, "table-not-found"),
        ("GET", "/api/v1/migration?limit=0", 422, "invalid-request"),
        ("GET", "/api/v1/migration", 503, "ledger-unreachable"),
        ("GET", "/api/v1/migration/018f0000-0000-7000-8000-000000000000/summary", 503, "ledger-unreachable"),
        ("GET", "/metrics", 503, "ledger-unreachable"),
        ("GET", "/readyz", 503, "not-ready"),
    ],
)
def test_every_error_is_a_problem_document(
    client: ApiClient, method: str, path: str, status: int, name: str
) -> None:
    answer = client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:convoy:problem:{name}"
    assert answer.json()["title"]


def test_readyz_names_no_address(client: ApiClient) -> None:
    problem = client.get("/readyz").json()

    assert (problem["ledger"], problem["broker"]) == ("unreachable", "unreachable")
    assert "127.0.0.1" not in str(problem)


def test_readyz_knows_a_full_disk_by_the_error_where_no_session_can_begin(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Cluster) -> None:
        raise DiskFullError("could not write init file")

    monkeypatch.setattr(Cluster, "engine", refuse)  # PostgreSQL does so now and then only
    problem = client.get("/readyz").json()
    assert (problem["ledger"], problem["disks"]) == ("ok", "full: server")
    assert "The disk of the PostgreSQL server is full" in problem["detail"]


def test_without_source_root_a_start_is_refused() -> None:
    client = ApiClient(create_app(api_settings(None)), {"Authorization": f"Bearer {TOKEN}"})

    answer = client.post(START, json={"sources": ["school.db"]})

    assert answer.status_code == 403
    assert "MIGRATION_SOURCE_ROOT" in answer.json()["detail"]


def test_an_unexpected_error_says_nothing_of_the_inside(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Cluster) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(Cluster, "engine", broken)
    caplog.set_level(logging.CRITICAL)

    answer = client.get("/api/v1/migration")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text


def test_a_lost_connection_asks_to_try_again(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    def lost(_: Cluster) -> None:
        raise OperationalError("SELECT 1", {}, psycopg.OperationalError("server closed the connection"))

    monkeypatch.setattr(Cluster, "engine", lost)

    answer = client.get("/api/v1/migration")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:convoy:problem:try-again")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UsageError("x"), 422),
        (errors.SourceCorruptError("x"), 422),
        (errors.TargetUnreachableError("x"), 503),
        (errors.TargetOccupiedError("x"), 409),
        (errors.BrokerError("x"), 503),
        (errors.RetryableError("x"), 503),
        (errors.PermanentError("x"), 500),
        (errors.RunFailedError("x"), 500),
    ],
)
def test_errors_of_the_domain_have_their_status(error: ConvoyError, status: int) -> None:
    assert from_convoy(error).status == status


def test_a_problem_carries_code_place_and_commands() -> None:
    error = errors.TargetPermissionError(
        "The role app may not create schemas",
        database="shop",
        next_steps=(NextStep("Let it", "GRANT CREATE ON DATABASE shop TO app"),),
    )
    document = json.loads(bytes(problem_response(from_convoy(error), "/api/v1/migration").body))
    assert document == {
        "type": "urn:convoy:problem:target-conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "The role app may not create schemas (database shop).",
        "instance": "/api/v1/migration",
        "code": "target-permission-denied",
        "database": "shop",
        "next_steps": [{"purpose": "Let it", "command": "GRANT CREATE ON DATABASE shop TO app"}],
    }


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.code)
def test_no_place_takes_the_place_of_a_member_of_the_standard(kind: type[ConvoyError]) -> None:
    members = members_of(kind("x"))
    assert members == {"code": kind.code, "next_steps": []}
    assert not {"type", "title", "status", "detail", "instance"} & set(Place.__annotations__)


def test_no_member_holds_a_password() -> None:
    secret = "postgresql://me:s3cret@db/shop"
    step = NextStep(secret, secret)
    assert "s3cret" not in str(members_of(errors.TargetError("x", file=secret, next_steps=(step,))))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/migration/not-an-id/status", "run-unknown"),
        ("/api/v1/migration?limit=0", "wrong-usage"),
        ("/api/v1/migration", "target-unreachable"),
    ],
)
def test_answers_have_a_code(client: ApiClient, path: str, code: str) -> None:
    answer = client.get(path).json()
    assert answer["code"] == code
    assert answer["next_steps"] == []
