"""What a request may hold, checked once at the border, so that nothing behind it meets what it cannot store.

PostgreSQL's text holds no NUL (documentation, section 8.3), UTF-8 no half of a surrogate pair, jsonb no NaN, and a
bigint ends at 2^63. JSON, URLs and Python know none of these limits.
"""

from __future__ import annotations

import json
import math
import re
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem_documents import ProblemError, invalid_request, problem_response

MAX_BIGINT: Final = 2**63 - 1
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
_MAX_DEPTH: Final = 64
_MOST_TOLD: Final = 20


def check_text(text: str) -> str:
    """Return a text that PostgreSQL can store.

    Raises:
        ValueError: it cannot.
    """
    if "\0" in text:
        raise ValueError("may not hold the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("may not hold half of a surrogate pair") from None
    return text


def check_time(written: object) -> object:
    """Return a time in a URL as it is written: pydantic would take a bare number for seconds since 1970.

    Raises:
        ValueError: it is not as RFC 3339 has it.
    """
    if isinstance(written, str) and not _TIME.match(written):
        raise ValueError("must be a date, a time and an offset, such as 2031-05-01T02:00:00Z")
    return written


BorderText = Annotated[str, AfterValidator(check_text)]
"""A text of a parameter or header."""


def check_json_type(value: object, annotation: object) -> None:
    """Refuse what pydantic would make a number or a truth value of: `true` for 1, `"5"` for 5, 0 for `false`.

    Args:
        value: of one member, as JSON has it.
        annotation: of the member.

    Raises:
        PydanticCustomError: of the type that pydantic has for it.
    """
    kinds = _single_types(annotation)
    numbers = kinds & {int, float}
    if numbers and (isinstance(value, bool) or (isinstance(value, str) and str not in kinds)):
        raise PydanticCustomError("float_type" if float in kinds else "int_type", "must be a number")
    if bool in kinds and isinstance(value, int | float | str) and not isinstance(value, bool):
        raise PydanticCustomError("bool_type", "must be true or false")


def _single_types(annotation: object) -> set[object]:
    """Return the types of single values that an annotation allows: not those of entries of a list."""
    if get_origin(annotation) in {Union, UnionType, Annotated}:
        return {kind for part in get_args(annotation) for kind in _single_types(part)}
    return {annotation} if isinstance(annotation, type) else set()


def _fault(value: object) -> str | None:
    """Return what is wrong with a single value of JSON."""
    if isinstance(value, str):
        try:
            check_text(value)
        except ValueError as error:
            return f"A text {error}"
    elif isinstance(value, float) and not math.isfinite(value):
        return "A number must be finite"
    elif isinstance(value, int) and not -MAX_BIGINT - 1 <= value <= MAX_BIGINT:
        return "A whole number must fit into 64 bits"
    return None


def check_document(document: object) -> None:
    """Make sure that all of a JSON document can be stored: its texts, names of members, numbers and depth.

    Raises:
        ProblemError: 422, which points at each fault.
    """
    wrong: list[tuple[str, str]] = []
    waiting: list[tuple[str, object, int]] = [("#", document, 0)]
    while waiting and len(wrong) < _MOST_TOLD:
        pointer, value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            wrong.append((pointer, f"JSON may be nested {_MAX_DEPTH} deep"))
        elif isinstance(value, dict):
            for name, member in value.items():
                fault = _fault(name)
                if fault:
                    wrong.append((pointer, f"The name of a member is wrong: {fault}"))
                else:
                    escaped = str(name).replace("~", "~0").replace("/", "~1")
                    waiting.append((f"{pointer}/{escaped}", member, depth + 1))
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{place}", member, depth + 1) for place, member in enumerate(value)]
        elif fault := _fault(value):
            wrong.append((pointer, fault))
    if wrong:
        raise invalid_request(wrong)


async def only_known_parameters(request: Request) -> None:
    """Refuse parameters in the URL that the route does not have: a misspelled filter must not show everything.

    Raises:
        ProblemError: 422, which names the route's own.
    """
    known = _parameters(request.scope["route"])
    wrong = [
        (f"query {name[:100]}", f"There is no such parameter; this path has {_listed(known)}")
        for name in request.query_params
        if name not in known and _fault(name) is None
    ]
    wrong += [
        (f"query {name[:100]}" if _fault(name) is None else "query", fault)
        for name, value in request.query_params.multi_items()
        if (fault := _fault(name) or _fault(value))
    ]
    wrong += [
        (f"query {name}", "It may be given once")
        for name in sorted(_single_parameters(request.scope["route"]))
        if len(request.query_params.getlist(name)) > 1
    ]
    if wrong:
        raise invalid_request(wrong)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _parameters(route: Any) -> frozenset[str]:
    fields = get_flat_params(route.dependant)
    return frozenset(field.alias for field in fields if isinstance(field.field_info, params.Query))


def _takes_several(annotation: Any) -> bool:
    return any(get_origin(kind) is list for kind in (annotation, *get_args(annotation)))


def _single_parameters(route: Any) -> frozenset[str]:
    fields = get_flat_params(route.dependant)
    return frozenset(
        field.alias
        for field in fields
        if isinstance(field.field_info, params.Query) and not _takes_several(field.field_info.annotation)
    )


class JsonBodies:
    """Answers 415 to a body that does not say that it is JSON: what a form holds would be taken for an empty request.

    415, too, to one that is said to be compressed; 400 to what cannot be read as JSON's text; 422 to one in which an
    object has a name twice, of which a parser keeps one without a word.

    Stands behind BodyLimit, which passes a body on as one message.
    https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        first = await receive()
        body = first.get("body", b"")
        problem = _wrong_form(Headers(scope=scope)) or _unreadable(body) if body else None
        if problem is not None:
            await problem_response(problem, scope["path"])(scope, receive, send)
            return

        delivered = False

        async def replay() -> Message:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return first

        await self._app(scope, replay, send)


class _RepeatedNameError(Exception):
    """An object of JSON has this name twice."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise _RepeatedNameError(name)
        names.add(name)


_COMPRESSED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x78": "zlib"}
"""First bytes → what they are the beginning of; none of them begins a JSON document."""


def _unreadable(body: bytes) -> ProblemError | None:
    """Return why a body cannot be read, or means nothing certain; what is no JSON is judged by whoever parses it."""
    try:
        json.loads(body, object_pairs_hook=_without_repetition)
    except _RepeatedNameError as error:
        return invalid_request([("body", f"An object has the name {str(error)!r:.100} twice")])
    except json.JSONDecodeError:
        return None
    except UnicodeDecodeError as error:
        packed = next((name for first, name in _COMPRESSED.items() if body.startswith(first)), "")
        if packed:
            cause = f"The body looks compressed ({packed}). Send the JSON as it is, uncompressed."
        else:
            cause = (
                f"The body is not UTF-8 (byte {error.start + 1} of it). JSON is sent in UTF-8: encode it so."
            )
        return ProblemError("bad-request", cause)
    except RecursionError:
        return ProblemError(
            "bad-request", f"The body is nested too deep: JSON may be nested {_MAX_DEPTH} deep."
        )
    except ValueError:  # of int(), which reads no more digits than sys.get_int_max_str_digits()
        cause = "The body holds a whole number of thousands of digits: one must fit into 64 bits."
        return ProblemError("bad-request", cause)
    return None


def _wrong_form(headers: Headers) -> ProblemError | None:
    """Return what is wrong with what the header says of the body."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        return ProblemError(
            "unsupported-media-type",
            "The body must not be compressed: send it without the header `Content-Encoding`.",
            headers={"Accept-Encoding": "identity"},
        )
    if not _is_json(headers):
        return ProblemError(
            "unsupported-media-type",
            "The body must be JSON; send it with the header `Content-Type: application/json`.",
            headers={"Accept": "application/json"},
        )
    return None


def _is_json(headers: Headers) -> bool:
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    name = media_type.strip().lower()
    charset = parameters.lower().partition("charset=")[2].strip(' "') or "utf-8"
    is_json = name == "application/json" or (name.startswith("application/") and name.endswith("+json"))
    return is_json and charset in ("utf-8", "utf8")
