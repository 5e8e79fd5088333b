"""Takes secrets out of any text that leaves a process: by their values where they are known, else by where they stand.

A value is known once `remember_secrets` was told it. The places are those in which URLs, libpq's connection strings,
HTTP headers and PEM files hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

HIDDEN: Final = "[secret]"
_SHORTEST: Final = 4
"""Shorter ones are parts of words; they are taken out by their places alone."""
# A password that is not %-encoded may hold any of its URL's own signs: the last @ ends it.
_IN_URL: Final = re.compile(r"://[^\s:@/?#]*:(.*)@")
_IN_TEXT: Final = re.compile(
    r"\b((?:ssl)?password|passwd|pgpassword|oauth_client_secret|scram_\w+_key|api_token|secret_?key)"
    r"(\s*[=:]\s*)('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&'\",)]+)",
    re.IGNORECASE,
)
_PLACES: Final = (
    (
        re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:@/?#'\"]*):(?!//)[^\s'\"/?#]*@", re.IGNORECASE),
        rf"\1:{HIDDEN}@",
    ),
    (_IN_TEXT, rf"\1\2{HIDDEN}"),
    (re.compile(r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{4,}"), rf"\1{HIDDEN}"),
    (
        re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|$)", re.DOTALL),
        HIDDEN,
    ),
)
_known: set[str] = set()


def remember_secrets(values: Iterable[str | None]) -> None:
    """Let these values, and the passwords in those of them that are URLs, show in no text from now on."""
    for value in values:
        if not value:
            continue
        is_address = "://" in value or _IN_TEXT.search(value) is not None
        found = {match[1] for match in _IN_URL.finditer(value)} | {
            match[3].strip("'\"") for match in _IN_TEXT.finditer(value)
        }
        for password in found if is_address else {value}:
            forms = {password, unquote(password), quote(password, safe="")}
            _known.update(form for form in forms if len(form) >= _SHORTEST)


def without_secrets(words: str) -> str:
    """Return a text without the secrets in it.

    >>> without_secrets("no answer from postgresql://me:hunter2@db/school?sslpassword=abc")
    'no answer from postgresql://me:[secret]@db/school?sslpassword=[secret]'
    """
    # The longest first: one may be the beginning of another.
    for secret in sorted(_known, key=len, reverse=True):
        if secret in words:
            words = words.replace(secret, HIDDEN)
    for pattern, replacement in _PLACES:
        words = pattern.sub(replacement, words)
    return words
