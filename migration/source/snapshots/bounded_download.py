"""A download that has an end, and stays where it was sent.

The server at the other end may send for ever, or a byte a minute; and may answer with a redirect to an address that
only this machine can reach: of a cloud's metadata, of a service beside it. https://owasp.org/www-community/attacks/
Server_Side_Request_Forgery
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from migration.source.source_budget import SourceBudget

_PIECE_BYTES: Final = 1 << 20
_TIMEOUT_SECONDS: Final = 60
_LOOK_SECONDS: Final = 0.5


class BoundedDownload:
    """What has come so far, and whether that is too much or too slow. Of one download."""

    def __init__(self, budget: SourceBudget) -> None:
        self._budget = budget
        self._began = time.monotonic()
        self.most_bytes = budget.fetched_bytes
        self.received_bytes = 0
        self.is_too_large = False
        self.sockets: list[socket.socket] = []

    @property
    def elapsed_seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    @property
    def is_too_slow(self) -> bool:
        """Whether less has come than in this time should have."""
        return self.elapsed_seconds > self._budget.seconds_to_fetch(self.received_bytes)

    def pieces(self, read: Callable[[int], bytes], expected_bytes: int | None) -> Iterator[bytes]:
        """Yield what `read` gives, to its end.

        Raises:
            ValueError: it is too much, or comes too slowly; this object says which.
        """
        self._check_size(expected_bytes or 0)
        while piece := read(_PIECE_BYTES):
            self.received_bytes += len(piece)
            self._check_size(self.received_bytes)
            if self.is_too_slow:
                raise ValueError("too slow")
            yield piece
        if self.is_too_slow:  # it was cut off for that
            raise ValueError("too slow")

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.most_bytes:
            self.is_too_large = True
            raise ValueError("too large")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Close the connections of a download that is too slow: a server may send its headers byte by byte, too."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_LOOK_SECONDS):
                if self.is_too_slow:
                    for one in self.sockets:
                        with suppress(OSError):
                            one.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=watch, name="bounded-download", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def open_http(location: str, download: BoundedDownload) -> Iterator[http.client.HTTPResponse]:
    """Open an http(s) URL; fsspec would need aiohttp for it.

    Raises:
        urllib.error.URLError, OSError: as urllib does; also for a redirect that leads where it may not.
    """
    parts = urlsplit(location)
    user, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310 - only http(s) comes here
    if at:
        login = b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {login}")  # it is for this host alone
    reach = _Reach(download)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(reach),
        _Http(reach),
        _Https(reach),
    ):
        opener.add_handler(handler)
    with download.watched(), opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
        yield response


class _Reach:
    """How near the first host was: a redirect may not lead to one that is nearer."""

    def __init__(self, download: BoundedDownload) -> None:
        self.download = download
        self._first: int | None = None

    def note(self, connected: socket.socket) -> None:
        """Take a connection on.

        Raises:
            OSError: it leads nearer than the URL did.
        """
        self.download.sockets.append(connected)
        nearness = _nearness(str(connected.getpeername()[0]))
        if self._first is None:
            self._first = nearness
        elif nearness > self._first:  # the name has another address by now
            connected.close()
            raise _too_near(nearness)

    def check(self, url: str) -> None:
        """Look where a redirect leads, before anything is sent there.

        Raises:
            OSError: nearer than the URL did, or nowhere.
        """
        parts = urlsplit(url)
        for *_, address in socket.getaddrinfo(parts.hostname, parts.port or parts.scheme):
            nearness = _nearness(str(address[0]))
            if self._first is not None and nearness > self._first:
                raise _too_near(nearness)


def _nearness(address: str) -> int:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    if found.is_link_local:
        return 3
    if found.is_loopback or found.is_unspecified:
        return 2
    return 0 if found.is_global else 1


def _too_near(nearness: int) -> OSError:
    name = ("a public address", "a private network", "this machine", "a link-local address")[nearness]
    return OSError(f"a redirect leads to {name}, which the URL does not")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, reach: _Reach) -> None:
        self._reach = reach

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Follow to http(s) only, and never from https to http."""
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in {"http", "https"} or (req.type == "https" and scheme == "http"):
            reason = f"redirects to {scheme}://, which is not followed"
            raise urllib.error.HTTPError(req.full_url, HTTPStatus.BAD_GATEWAY, reason, headers, fp)
        try:
            self._reach.check(newurl)
        except OSError:
            fp.close()
            raise
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        login = req.unredirected_hdrs.get("Authorization")
        if following is not None and login is not None and _origin(newurl) == _origin(req.full_url):
            following.add_unredirected_header("Authorization", login)
        return following


class _Http(urllib.request.HTTPHandler):
    def __init__(self, reach: _Reach) -> None:
        super().__init__()
        self._reach = reach

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_HttpConnection, reach=self._reach), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, reach: _Reach) -> None:
        super().__init__()
        self._reach = reach

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_HttpsConnection, reach=self._reach), req)


class _HttpConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, reach: _Reach, **options: Any) -> None:
        super().__init__(host, **options)
        self._reach = reach

    def connect(self) -> None:
        super().connect()
        self._reach.note(self.sock)


class _HttpsConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, reach: _Reach, **options: Any) -> None:
        super().__init__(host, **options)
        self._reach = reach

    def connect(self) -> None:
        super().connect()
        self._reach.note(self.sock)
