"""Every error as a problem document (RFC 9457), so that a client needs one way to read them.

The `type` is a URN of this project: it names the problem, and docs/http.md lists them all.
A problem never echoes what was sent, because a request may hold a password by mistake.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.problem_kinds import kind_of, problem_kind
from api.request_sentences import wrong_fields
from migration.convoy_error import ConvoyError, NextStep
from migration.error_record import error_record, place_in
from migration.ledger.ledger_errors import ledger_error
from migration.name_lists import NAMES_SHOWN
from migration.secret_text import without_secrets

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:convoy:problem:"
RETRY_SECONDS = 5
"""When a client may come back after a 503 (RFC 9110, section 10.2.3)."""

MOST_POINTED_AT = 100
UNREADABLE_BODY = "The body could not be read. Send it as JSON in UTF-8, uncompressed."

logger = logging.getLogger(__name__)


class ProblemError(Exception):
    """An error that already knows its problem document.

    Args:
        name: last part of the `type` URN, of the list in problem_kinds.py, which knows its status and its `code`.
        detail: one or two sentences: what happened, and what to do about it.
        members: extension members of the document (RFC 9457, section 3.2), a narrower `code` among them.
        headers: response headers that belong to the error.
        next_steps: the commands that `detail` names.
    """

    def __init__(
        self,
        name: str,
        detail: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        next_steps: Sequence[NextStep] = (),
    ) -> None:
        super().__init__(name, detail, members, headers, next_steps)
        kind = problem_kind(name)
        self.name = name
        self.status = kind.status
        self.detail = detail
        steps = [{"purpose": step.purpose, "command": step.command} for step in next_steps]
        self.members: dict[str, Any] = {"code": kind.code, "next_steps": steps, **(members or {})}
        self.headers = dict(headers or {})


def problem_response(problem: ProblemError, instance: str) -> Response:
    """Return the response for a problem; `instance` is the path that was asked for."""
    document = {
        "type": TYPE_PREFIX + problem.name,
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "instance": instance,
        **problem.members,
    }
    headers = problem.headers
    if problem.status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_SECONDS), **headers}
    return Response(msgspec.json.encode(_tellable(document)), int(problem.status), headers, MEDIA_TYPE)


def _tellable(value: Any) -> Any:
    """Return JSON in whose texts no secret stands, whatever an error quotes."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: _tellable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_tellable(part) for part in value]
    return value


def from_convoy(error: ConvoyError) -> ProblemError:
    """Return the problem that stands for an error of the domain."""
    return ProblemError(kind_of(type(error)).name, str(error), members_of(error))


def members_of(error: ConvoyError) -> dict[str, Any]:
    """Return the extension members that say of an error what a program needs: `code`, its place, `next_steps`."""
    record = error_record(error, without_secrets)
    return {"code": record["code"], **place_in(record), "next_steps": record["next_steps"]}


def invalid_request(errors: Sequence[tuple[str, str]]) -> ProblemError:
    """Return the 422 problem for wrong fields, given as pairs of JSON pointer and sentence.

    The sentence names a few of many, `errors` the first `MOST_POINTED_AT`.
    """
    told = [f"{pointer}: {sentence}." for pointer, sentence in errors[:NAMES_SHOWN]]
    more = [f"And {len(errors) - NAMES_SHOWN:,} more."] if len(errors) > NAMES_SHOWN else []
    pointed = [{"pointer": pointer, "detail": sentence} for pointer, sentence in errors[:MOST_POINTED_AT]]
    return ProblemError("invalid-request", " ".join(told + more), {"errors": pointed})


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for this type
    return problem_response(error, request.url.path)


async def _on_convoy(request: Request, error: Exception) -> Response:
    assert isinstance(error, ConvoyError)  # noqa: S101 - registered for this type
    return problem_response(from_convoy(error), request.url.path)


async def _on_database(request: Request, error: Exception) -> Response:
    return problem_response(from_convoy(ledger_error(error)), request.url.path)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    field = getattr(request.scope.get("route"), "body_field", None)
    model = field.field_info.annotation if field is not None else None
    wrong = wrong_fields(error.errors(), error.body, model)
    return problem_response(invalid_request(wrong), request.url.path)


_SENTENCES = {
    HTTPStatus.NOT_FOUND: ("not-found", "There is nothing at this path. /docs lists the endpoints."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "This path does not take this method."),
}


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    name, detail = _SENTENCES.get(HTTPStatus(error.status_code), ("bad-request", UNREADABLE_BODY))
    return problem_response(ProblemError(name, detail, headers=error.headers), request.url.path)


async def _on_anything(request: Request, error: Exception) -> Response:
    # The server's error middleware logs the traceback; the client learns nothing of the inside.
    logger.error("Unexpected %s in %s %s", type(error).__name__, request.method, request.url.path)
    problem = ProblemError("internal", "The server met an error of its own; its log has more.")
    return problem_response(problem, request.url.path)


def unreadable_request() -> Response:
    """Return the answer to what is no request of HTTP, or has a header that is too long: it has reached no route."""
    detail = "The request could not be read: it is no HTTP/1.1, or its header is longer than 64 KB."
    return problem_response(ProblemError("bad-request", detail), "/")


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(ConvoyError, _on_convoy)
    app.add_exception_handler(SQLAlchemyError, _on_database)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_anything)


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the problems that an endpoint answers with."""
    return {
        int(status): {
            "description": status.phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
