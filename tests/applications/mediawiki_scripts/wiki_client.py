"""A browser's part in MediaWiki: logs in and works through the HTTP API, as bots and apps do."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.parse
import urllib.request
import uuid
from typing import Any


class WikiError(Exception):
    """The wiki refuses what was asked for."""


class WikiClient:
    """One person at one wiki."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api.php"
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
        )

    def ask(self, action: str = "query", **words: Any) -> Any:
        """Ask for something."""
        return self._send({"action": action, **words}, None)

    def tell(self, action: str, files: dict[str, bytes] | None = None, **words: Any) -> Any:
        """Change something, with the token that the wiki asks for."""
        kind = {"login": "login", "userrights": "userrights", "patrol": "patrol"}.get(action, "csrf")
        name = {"login": "lgtoken"}.get(action, "token")
        token = self.ask(meta="tokens", type="watch" if action == "watch" else kind)["query"]["tokens"]
        return self._send({"action": action, **words, name: next(iter(token.values()))}, files or {})

    def log_in(self, name: str, password: str) -> None:
        """Log in with a password; raises WikiError where the wiki does not know it."""
        answer = self.tell("login", lgname=name, lgpassword=password)["login"]
        if answer["result"] != "Success":
            raise WikiError(str(answer))

    def all_of(self, name: str, **words: Any) -> list[dict[str, Any]]:
        """Return what a list of the API tells, to its end."""
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            answer = self.ask(list=name, **words, **more)
            found += answer["query"][name]
            if "continue" not in answer:
                return found
            more = answer["continue"]

    def _send(self, words: dict[str, Any], files: dict[str, bytes] | None) -> Any:
        words = {"format": "json", "formatversion": "2", "utf8": "1", **words}
        if files is None:
            request = urllib.request.Request(f"{self._address}?{urllib.parse.urlencode(words)}")  # noqa: S310
        else:
            mark = uuid.uuid4().hex
            request = urllib.request.Request(  # noqa: S310
                self._address,
                _form(words, files, mark),
                {"Content-Type": f"multipart/form-data; boundary={mark}"},
            )
        with self._opener.open(request, timeout=120) as answer:
            content = answer.read()
        try:
            told = json.loads(content)
        except ValueError:
            raise WikiError(content[:2000].decode(errors="replace")) from None
        if "error" in told:
            raise WikiError(f"{words}: {told['error']}")
        return told


def _form(words: dict[str, Any], files: dict[str, bytes], mark: str) -> bytes:
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in words.items()
    ]
    for name, content in files.items():
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode()
