"""OpenAPI, docs/http.md and .env.example say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.request_models import Options
from migration.settings import Settings
from tests.support.api import ApiClient

PROJECT = Path(__file__).resolve().parents[3]
V1 = "/api/v1/migration"

THE_EIGHT = {
    f"POST {V1}/start",
    f"POST {V1}/dry-run",
    f"POST {V1}/validate",
    f"GET {V1}/{{id}}/status",
    f"GET {V1}/{{id}}/summary",
    f"POST {V1}/{{id}}/rollback",
    f"GET {V1}/schema/{{table}}",
    f"GET {V1}/tables",
}
BEYOND = {
    f"GET {V1}",
    f"POST {V1}/{{id}}/cancel",
    f"POST {V1}/{{id}}/pause",
    f"POST {V1}/{{id}}/cutover",
    f"POST {V1}/{{id}}/resume",
    f"GET {V1}/{{id}}/events",
    f"GET {V1}/{{id}}/findings",
    f"GET {V1}/{{id}}/quarantine",
    f"GET {V1}/{{id}}/quarantine-groups",
    f"GET {V1}/{{id}}/chunk-map",
    f"GET {V1}/{{id}}/chunks",
    f"GET {V1}/{{id}}/throughput",
    "GET /api/v1/sources",
    f"GET {V1}/{{id}}/report.html",
    f"GET {V1}/snapshots/{{sha256}}",
    "GET /api/v1/cluster",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /api/v1/token",
}


@pytest.fixture
def document(anonymous: ApiClient) -> dict[str, Any]:
    return anonymous.get("/openapi.json").json()


def endpoints(document: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}


def test_openapi_lists_exactly_the_endpoints(document: dict[str, Any]) -> None:
    assert endpoints(document) == THE_EIGHT | BEYOND


def test_openapi_describes_every_error_as_a_problem(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status == "304":
                    assert "content" not in answer, path
                elif int(status) >= 300:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["properties"]) >= {"type", "title", "status"}
    assert problem["properties"]["code"]["type"] == "string"
    assert {"code", "next_steps"} <= set(problem["required"])


def test_openapi_asks_for_the_token_everywhere_but_at_health(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert bool(operation.get("security")) == (path not in {"/healthz", "/readyz"}), path


def test_the_http_reference_names_every_endpoint_and_no_other(document: dict[str, Any]) -> None:
    text = (PROJECT / "docs" / "http.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ `((?:GET|POST) [^`]+)`$", text, re.MULTILINE))

    assert headings == endpoints(document)


def test_the_http_reference_names_every_problem() -> None:
    text = (PROJECT / "docs" / "http.md").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "api").glob("*.py"))
    names = set(re.findall(r'(?:ProblemError|_conflict)\(\s*"([a-z-]+)"', code))
    names |= set(re.findall(r'\(\w+Error, "([a-z-]+)", HTTPStatus', code))
    names |= set(re.findall(r'HTTPStatus\.\w+: \("([a-z-]+)",', code))

    assert len(names) > 15
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_env_example_lists_every_setting_and_no_other() -> None:
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")

    listed = re.findall(r"^(?:# )?MIGRATION_([A-Z_]+)=", text, re.MULTILINE)

    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


def test_env_example_shows_the_true_defaults() -> None:
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")

    for name, shown in re.findall(r"^# MIGRATION_([A-Z_]+)=(.*)$", text, re.MULTILINE):
        field = Settings.model_fields[name.lower()]
        given = getattr(Settings(_env_file=None, **{name.lower(): shown}), name.lower())  # type: ignore[arg-type]
        assert given == field.default, name


def test_the_guide_has_every_option_of_a_run_with_its_default_and_no_other() -> None:
    """The table's defaults are JSON, as in the body of a request."""
    guide = (PROJECT / "docs" / "http.md").read_text(encoding="utf-8")
    table = guide.partition("| option | default | meaning |\n")[2].partition("\n\n")[0]
    shown = {
        name: json.loads(default)
        for names, default in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| `([^`]+)` \|", table, re.MULTILINE)
        for name in re.findall(r"\w+", names)
    }

    assert shown == Options().model_dump(mode="json")
    assert len(shown) == len(Options.model_fields)
