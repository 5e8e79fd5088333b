"""docs/reference/http-api.md and docs/openapi.json: every path, parameter, body and answer, from the application."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import SecretStr

from api.app import create_app
from documentation.json_schema_parts import bounds_words, default_words, object_lines, type_words
from documentation.markdown_parts import code, linked, page, table
from migration.settings import Settings


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document as a server of any settings shows it.

    The version is that of the contract, and no settings of whoever calls it show.
    """
    app = create_app(Settings.model_construct(api_token=SecretStr("none")))
    return app.openapi()


def openapi_json() -> str:
    """Return docs/openapi.json."""
    return json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"


def http_api_page() -> str:
    """Return the page."""
    document = openapi()
    return page(
        "HTTP API: every path",
        "[The guide to the API](../http.md) has the rules, examples and problems. A running server has this list as"
        " `/openapi.json` and, for people, at `/docs`; [openapi.json](../openapi.json) is the same file for"
        " generators of clients. Every status from 300 on but 304 is a [Problem](#problem) in"
        " `application/problem+json`, and its `code` is one of [the closed list](../errors.md).",
        table(("path", ""), _overview(document)),
        *(_operation(method, path, operation) for method, path, operation in _operations(document)),
        ["## Objects", ""],
        *(
            object_lines(name, schema, 3)
            for name, schema in sorted(document["components"]["schemas"].items())
        ),
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _anchor(method: str, path: str) -> str:
    return "".join(letter for letter in f"{method}-{path}".lower() if letter.isalnum() or letter in "-_")


def _overview(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for method, path, operation in _operations(document):
        first = operation.get("description", "").partition("\n\n")[0]
        yield f"[`{method} {path}`](#{_anchor(method, path)})", first


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> list[str]:
    lines = [f"## `{method} {path}`", ""]
    for paragraph in operation.get("description", "").split("\n\n"):
        lines += [linked(" ".join(paragraph.split())), ""]
    lines += [f"Token: {_rights(operation)}.", ""]
    if operation.get("parameters"):
        lines += table(
            ("parameter", "in", "type", "default", "meaning"),
            (_parameter(parameter) for parameter in operation["parameters"]),
        )
    body = operation.get("requestBody")
    if body:
        kinds = ", ".join(
            f"{type_words(part.get('schema', {}))} ({code(kind)})" for kind, part in body["content"].items()
        )
        lines += [f"Body{'' if body.get('required') else ', optional'}: {kinds}.", ""]
    answers = sorted(operation["responses"].items())
    return lines + table(
        ("status", "meaning", "body"), (_answer(status, answer) for status, answer in answers)
    )


def _rights(operation: Mapping[str, Any]) -> str:
    """Return who may call it: the scopes of the token, where the server has scopes."""
    security = operation.get("security")
    if not security:
        return "none"
    scopes = [scope for way in security for names in way.values() for scope in names]
    scope = operation.get("x-scope")
    scopes += [scope] if isinstance(scope, str) else list(scope or ())
    return f"with the scope {' or '.join(map(code, dict.fromkeys(scopes)))}" if scopes else "required"


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    schema = parameter.get("schema", {})
    default = "required" if parameter.get("required") else default_words(schema)
    meaning = filter(None, (parameter.get("description", ""), bounds_words(schema)))
    return code(parameter["name"]), parameter["in"], type_words(schema), default, linked("; ".join(meaning))


def _answer(status: str, answer: Mapping[str, Any]) -> tuple[str, str, str]:
    bodies = []
    for kind, part in (answer.get("content") or {}).items():
        schema = part.get("schema") or {}
        bodies.append(type_words(schema) if schema and kind.endswith("json") else code(kind))
    meaning = answer.get("description", "").replace("Successful Response", "done")
    return status, linked(meaning), ", ".join(dict.fromkeys(bodies))
