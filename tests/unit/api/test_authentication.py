from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from api.app import create_app
from api.body_limit import MAX_BODY_BYTES
from migration.errors import UsageError
from tests.support.api import TOKEN, ApiClient, api_settings

GUARDED = [
    ("POST", "/api/v1/migration/start"),
    ("POST", "/api/v1/migration/dry-run"),
    ("POST", "/api/v1/migration/validate"),
    ("GET", "/api/v1/migration"),
    ("GET", "/api/v1/migration/tables"),
    ("GET", "/api/v1/migration/schema/users"),
    ("GET", "/api/v1/migration/018f0000-0000-7000-8000-000000000000/status"),
    ("GET", "/api/v1/migration/018f0000-0000-7000-8000-000000000000/events"),
    ("GET", "/metrics"),
    ("GET", "/no/such/path"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_token_every_path_but_health_answers_401(
    anonymous: ApiClient, method: str, path: str
) -> None:
    answer = anonymous.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:convoy:problem:unauthorized"


@pytest.mark.parametrize(
    "header",
    ["Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", "Bearer tök"],
)
def test_a_wrong_token_is_refused(anonymous: ApiClient, header: str) -> None:
    answer = anonymous.get("/api/v1/migration/tables", headers={"Authorization": header.encode()})

    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_the_scheme_may_be_written_in_any_case(anonymous: ApiClient) -> None:
    answer = anonymous.get("/api/v1/migration/tables", headers={"Authorization": f"bearer {TOKEN}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/", "/docs", "/openapi.json"])
def test_health_and_the_pages_need_no_token(anonymous: ApiClient, path: str) -> None:
    assert anonymous.get(path).status_code == 200


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_configured_token_the_api_does_not_start(token: str | None) -> None:
    with pytest.raises(UsageError, match="MIGRATION_API_TOKEN"):
        create_app(api_settings(None, api_token=token))


def test_a_body_over_the_limit_is_refused(client: ApiClient) -> None:
    answer = client.post("/api/v1/migration/start", content=b" " * (MAX_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:convoy:problem:too-large"


def test_a_body_of_unannounced_length_is_cut_off_at_the_limit(client: ApiClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 100_000

    answer = client.post("/api/v1/migration/start", content=endless())

    assert sent < 20
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_elsewhere(anonymous: ApiClient, path: str) -> None:
    answer = anonymous.get(path)

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert addresses
    assert all(re.match(r"/(?!/)|#", address) for address in addresses)
    assert "//cdn" not in answer.text
    assert TOKEN not in answer.text


def test_the_dashboard_links_to_flower() -> None:
    app = create_app(api_settings(None, flower_url='https://flower.example.org/"x'))

    page = ApiClient(app).get("/").text

    assert 'data-flower="https://flower.example.org/&quot;x"' in page
