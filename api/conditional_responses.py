"""Answers with an ETag: who asks again and again, and has the same already, gets 304 and no body.

https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 - the tag is strong: it is made of the very bytes.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import Header, Request, Response

# A header of HTTP's own, as ETag is: OpenAPI need not tell of it, and servers refuse odd ones in their own words.
IfNoneMatch = Annotated[str | None, Header(include_in_schema=False)]

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The client has the same already (`If-None-Match`)"}
}
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_MOST_REMEMBERED: Final = 256


def conditional(body: bytes, if_none_match: str | None, media_type: str = "application/json") -> Response:
    """Return an answer with its ETag, or 304 where the client has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and (if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


class StableVersions:
    """Gives an answer that has not changed the version that it had: every write to the database makes a new one.

    What an older version lets a client see again, it has seen; and nothing is left out. It is remembered by process, so
    that another one may answer 200 where this one would answer 304.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[bytes, str]] = OrderedDict()

    def encode(self, key: str, answer: dict[str, Any]) -> bytes:
        """Return an answer as JSON; `key` says of what it is."""
        version = answer["version"]
        digest = hashlib.sha256(msgspec.json.encode(answer | {"version": ""})).digest()
        with self._lock:
            known = self._known.pop(key, None)
            if known is not None and known[0] == digest:
                version = known[1]
            self._known[key] = (digest, version)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return msgspec.json.encode(answer | {"version": version})


def stable_versions(request: Request) -> StableVersions:
    """Return those of the application that a route runs in."""
    versions: StableVersions = request.app.state.stable_versions
    return versions
