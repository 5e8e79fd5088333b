"""What may be shown of a text: the one function that all printed text goes through, and the streams that see to it.

Secrets are known in two ways. Passwords of URLs and connection strings, and signatures of URLs, are known by where they
stand. Those that a process was given (settings, flags, variables of its environment) are remembered, and blanked
wherever they turn up, in a traceback of a library, say.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, unquote

BLANK: Final = "***"
_KEY_FROM: Final = 16
_REMEMBERED_FROM: Final = 8
"""Characters. A shorter password is too likely to be a word of the text."""
# Up to the last @: a password may hold any character that somebody forgot to escape; but a quote ends a text of JSON,
# which may stand in one line with others. A scheme begins at no letter in the middle of a word, or a long word would be
# looked at from each of its letters.
_URL_PASSWORD: Final = re.compile(
    r"(?P<start>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s:/@?#\"]*):[^\s\"]*@", re.IGNORECASE
)
# libpq keywords (https://www.postgresql.org/docs/current/libpq-connect.html) and signed URLs of object stores.
_SECRET_PARAMETER: Final = re.compile(
    r"\b(?P<name>password|passwd|oauth_client_secret|passfile|sslpassword|access_?key|secret(?:_?(?:access_?)?key)?|token|api_?key"
    r"|sig|signature|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))"
    r"(?P<equals>\s?=\s?)(?:'(?:[^'\\]|\\.)*'|[^\s&;'\"]+)",
    re.IGNORECASE,
)
_OWN_TOKEN: Final = re.compile(r"\bconvoy_[0-9A-Za-z]{38}\b")
_HEADER: Final = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}")
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN (?P<kind>[A-Z ]*)PRIVATE KEY-----.*?(?:-----END (?P=kind)PRIVATE KEY-----|$)", re.DOTALL
)
_URL_PARTS: Final = re.compile(r"[/@:?#]")
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_SERVER_SCHEMES: Final = frozenset({"postgres", "postgresql", "redis", "rediss", "unix", "valkey", "valkeys"})
_SECRET_NAME: Final = re.compile(r"passw(?:or)?d|secret|token", re.IGNORECASE)
_remembered: set[str] = set()


def remember_secrets(values: Iterable[str | None]) -> None:
    """Let this process never print these texts again; those that may be plain words are left out."""
    for value in values:
        for spelling in {value or "", quote(value or "", safe=""), unquote(value or "")}:
            if len(spelling) >= _REMEMBERED_FROM and not spelling.isalpha():
                _remembered.add(spelling)


def secrets_of_url(url: str) -> tuple[str, ...]:
    """Return what is secret in a URL, as it is written: its password, and keys and signatures of its query.

    Whoever forgets to escape a password has a library take parts of it for a host or a port, and quote those: the parts
    are among what is returned.
    """
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    pairs = (pair.partition("=") for pair in url.partition("?")[2].partition("#")[0].split("&"))
    # What a server's URL says beside passwords is hosts, files and options, which commands to paste must keep.
    of_server = url.partition("://")[0].lower() in _SERVER_SCHEMES
    values = (
        value
        for name, _, value in pairs
        if _SECRET_NAME.search(name) or (len(value) >= _KEY_FROM and not of_server)
    )
    return tuple(filter(None, (password, *_URL_PARTS.split(password), *values)))


ESCAPE_IT: Final = "the password holds @, /, ? or # as it is: write %40, %2F, %3F or %23"


def has_bare_password(url: str) -> bool:
    """Whether libraries would take parts of a URL's password for its host or port, and quote those.

    >>> [has_bare_password(f"redis://{rest}") for rest in (":p%40w@host:1/0", ":p@w@host:1/0", ":p/w@host:1/0")]
    [False, True, True]
    """
    rest = url.partition("://")[2]
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    if "@" in authority or "@" not in rest:
        return authority.count("@") > 1
    # Without a user, what stands behind a colon is a port.
    ports = (host.rpartition("]")[2].partition(":")[2] for host in authority.split(","))
    return not all(port.isdecimal() or not port for port in ports)


def without_secrets(text: str) -> str:
    """Return the text with every password of a URL or connection string, and all remembered secrets, as ``***``.

    >>> without_secrets("postgresql://ada:s3cret@db/app failed")
    'postgresql://ada:***@db/app failed'
    """
    for secret in _remembered:
        if secret in text:
            text = text.replace(secret, BLANK)
    if "://" in text:
        text = _URL_PASSWORD.sub(r"\g<start>:***@", text)
    if "=" in text:
        text = _SECRET_PARAMETER.sub(r"\g<name>\g<equals>***", text)
    if "Bearer" in text or "Basic" in text:
        text = _HEADER.sub(r"\g<scheme> ***", text)
    return _PRIVATE_KEY.sub(BLANK, text) if "PRIVATE KEY" in text else text


class GuardedStream:
    """A text stream that blanks secrets in what is written to it, and otherwise is the one that it stands for."""

    def __init__(self, stream: Any) -> None:
        self.guarded = stream

    def write(self, text: str) -> int:
        """Write a text, or bytes where the stream takes such."""
        self.guarded.write(_OWN_TOKEN.sub(BLANK, without_secrets(text)) if isinstance(text, str) else text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.guarded, name)


def guard_output() -> None:
    """Let all that this process writes to stdout and stderr from now on go through `without_secrets`.

    Logs go there, too; Celery writes its own to the interpreter's streams, so those are replaced as well.
    """
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, GuardedStream):
            setattr(sys, name, GuardedStream(stream))


def tell_once(secret: str) -> None:
    """Write a secret that its owner has asked for to stdout, as one line."""
    stream = sys.stdout
    raw = stream.guarded if isinstance(stream, GuardedStream) else stream
    raw.write(f"{secret}\n")
    raw.flush()
