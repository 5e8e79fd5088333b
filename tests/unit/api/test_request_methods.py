"""HEAD, OPTIONS and the methods that a path does not take, on every route that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.dashboard_files import FILES_PREFIX, dashboard_files
from tests.support.api import ApiClient, api_settings

V1 = "/api/v1/migration"


def _paths() -> dict[str, set[str]]:
    """Return every path as a request may write it, with the methods that are declared for it."""
    found: dict[str, set[str]] = {}
    for route in iter_route_contexts(create_app(api_settings(None)).routes):
        path = re.sub(r"\{[^}]*:path\}", "text_formats.js", str(route.path))
        path = re.sub(r"\{[^}]*\}", "0198c2aa-0000-7000-8000-000000000000", path)
        found.setdefault(path, set()).update(route.methods or ())
    return found


PATHS = _paths()


@pytest.mark.parametrize("path", [path for path, methods in PATHS.items() if "GET" in methods])
def test_head_answers_as_get_without_the_body(client: ApiClient, path: str) -> None:
    full, head = client.get(path), client.request("HEAD", path)
    assert (head.status_code, head.content) == (full.status_code, b"")
    apart = {"x-request-id", "content-length"}
    assert {name: value for name, value in head.headers.items() if name not in apart} == {
        name: value for name, value in full.headers.items() if name not in apart
    }
    if full.status_code < 300:
        assert head.headers.get("content-length") == full.headers.get("content-length")


@pytest.mark.parametrize("path", PATHS)
def test_options_and_a_refused_method_name_all_that_a_path_takes(client: ApiClient, path: str) -> None:
    wanted = PATHS[path] | ({"HEAD"} if "GET" in PATHS[path] else set()) | {"OPTIONS"}
    options = client.request("OPTIONS", path)
    assert (options.status_code, options.content) == (204, b"")
    refused = client.request("DELETE", path)
    assert refused.status_code == 405
    assert refused.json()["type"] == "urn:convoy:problem:method-not-allowed"
    for answer in (options, refused):
        assert set(answer.headers["allow"].split(", ")) == wanted


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_method_tells_a_stranger_more_than_get(anonymous: ApiClient, method: str) -> None:
    for path in (f"{V1}/start", f"{V1}/nothing/here", V1):
        assert anonymous.request(method, path).status_code == 401


def test_nothing_is_at_a_path_by_any_method(client: ApiClient) -> None:
    for method in ("HEAD", "OPTIONS", "DELETE"):
        answer = client.request(method, "/api/v1/nothing")
        assert answer.status_code == 404
        assert "allow" not in answer.headers


def test_head_of_a_file_is_conditional_too(anonymous: ApiClient) -> None:
    name = next(name for name in dashboard_files() if name.endswith(".css"))
    head = anonymous.request("HEAD", FILES_PREFIX + name)
    assert head.headers["content-length"] == str(len(dashboard_files()[name].content))
    again = anonymous.request("HEAD", FILES_PREFIX + name, headers={"If-None-Match": head.headers["etag"]})
    assert again.status_code == 304


def test_head_of_a_large_file_reads_none_of_it(tmp_path: Path) -> None:
    snapshot = "a" * 64
    with (tmp_path / f"{snapshot}.sqlite").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of holes: to read it would take hours
    client = ApiClient(create_app(api_settings(None, snapshot_dir=tmp_path)))
    client.headers["Authorization"] = "Bearer t0ken-for-tests"
    head = client.request("HEAD", f"{V1}/snapshots/{snapshot}")
    assert head.status_code == 200
    assert head.headers["content-length"] == str(1 << 40)
