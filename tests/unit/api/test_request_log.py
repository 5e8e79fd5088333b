from __future__ import annotations

import logging
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from api.app import create_app
from api.request_metrics import REQUEST_REGISTRY
from migration.log_context import bound_fields
from tests.support.api import TOKEN, ApiClient, api_settings

RUN = "0198c2d4-1111-7222-8333-444455556666"


@pytest.fixture
def client(tmp_path: Path) -> ApiClient:
    return ApiClient(create_app(api_settings(tmp_path)), {"Authorization": f"Bearer {TOKEN}"})


def test_request_id_of_the_caller_comes_back_and_is_bound(
    client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    caplog.handler.addFilter(lambda _record: bool(seen.append(dict(bound_fields())) or True))
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "deploy-17", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    with caplog.at_level(logging.INFO, logger="api"):
        answer = client.get(f"/api/v1/migration/{RUN}/status?token=hunter2", headers=headers)
    assert answer.headers["X-Request-ID"] == "deploy-17"
    (record,) = (record for record in caplog.records if record.name == "api.request_log")
    # A parameter that the route does not have, and must not be repeated.
    assert f"GET /api/v1/migration/{RUN}/status: 422 in " in record.getMessage()
    assert "hunter2" not in caplog.text
    assert {"request_id": "deploy-17", "trace_id": trace, "run": RUN} in seen


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "new\tline", "é"])
def test_request_id_that_is_none_is_replaced(client: ApiClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given.encode()})
    assert len(answer.headers["X-Request-ID"]) == 36


def test_refused_request_has_a_line_and_an_id_too(
    client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="api"):
        answer = client.get("/api/v1/migration/tables", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["X-Request-ID"]
    assert "GET /api/v1/migration/tables: 401 in " in caplog.text


def test_probes_are_for_debugging(client: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="api"):
        client.get("/healthz")
    assert "/healthz" not in caplog.text


def test_requests_are_counted_by_route_never_by_path(client: ApiClient) -> None:
    client.get(f"/api/v1/migration/{RUN}/status")
    client.get("/nowhere/at/all")
    client.request("BREW", "/healthz")
    counted = generate_latest(REQUEST_REGISTRY).decode()
    assert 'route="/api/v1/migration/{id}/status",status="503"' in counted
    assert RUN not in counted
    assert "nowhere" not in counted
    assert "BREW" not in counted
