"""Clients that send slowly, or not at all, to a real server. Where a bound is missing, reading ends with a timeout."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api import body_limit, header_deadline
from tests.support.api import TOKEN
from tests.support.stages import serve_snapshots

HANG_SECONDS = 20
_POST = (
    f"POST /api/v1/migration/start HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n"
    "Content-Type: application/json\r\n"
).encode()
_GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch, serve_snapshots(tmp_path_factory.mktemp("none")) as port:
        patch.setattr(header_deadline, "HEADER_SECONDS", 0.5)
        patch.setattr(header_deadline, "IDLE_SECONDS", 0.5)
        patch.setattr(body_limit, "BODY_SECONDS", 1.0)  # longer: a whole header has ended its own
        yield port


@contextmanager
def _connection(port: int, sent: bytes, trickled: bytes = b"") -> Iterator[socket.socket]:
    """Connect, send, and go on with a byte every now and then until the server has closed."""
    over = threading.Event()

    def trickle() -> None:
        while trickled and not over.wait(0.1):
            try:
                client.sendall(trickled)
            except OSError:
                return

    with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as client:
        client.sendall(sent)
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield client
        finally:
            over.set()
            thread.join()


def _all_of(client: socket.socket) -> bytes:
    """Return what the server sends until it closes, which it does without a reset, whatever it has not read."""
    answer = b""
    while part := client.recv(65_536):
        answer += part
    return answer


@pytest.mark.parametrize("trickled", [b"", b"x"], ids=["silent", "trickling"])
@pytest.mark.parametrize(
    "sent", [b"", b"G", _GET, _GET + b"X-A: "], ids=["nothing", "letter", "lines", "half"]
)
def test_a_header_that_is_never_whole_ends_the_connection(port: int, sent: bytes, trickled: bytes) -> None:
    with _connection(port, sent, trickled) as client:
        assert b" 200 " not in _all_of(client)


@pytest.mark.parametrize("trickled", [b"", b" "], ids=["silent", "trickling"])
@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 1000\r\n\r\n{",
        b"Content-Length: 1000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{",
    ],
    ids=["a byte", "nothing", "chunked"],
)
def test_a_body_that_is_never_whole_is_a_problem_and_ends_the_connection(
    port: int, sent: bytes, trickled: bytes
) -> None:
    with _connection(port, _POST + sent, trickled) as client:
        head, _, body = _all_of(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["type"] == "urn:convoy:problem:request-timeout"


@pytest.mark.parametrize(
    ("sent", "trickled"),
    [
        (_GET + b"Content-Length: 1000\r\n\r\n", b"x"),
        (_POST.replace(TOKEN.encode(), b"wrong") + b"Content-Length: 1000\r\n\r\n", b"x"),
        (_GET + b"\r\n", b"G"),
        (_GET + b"\r\n" + _GET, b"x"),
    ],
    ids=["a body nobody reads", "the body of a stranger", "next header", "pipelined header"],
)
def test_after_an_answer_the_next_header_has_as_long(port: int, sent: bytes, trickled: bytes) -> None:
    with _connection(port, sent, trickled) as client:
        assert _all_of(client).count(b"HTTP/1.1 ") in (1, 2)  # a second one is the 400 for what was no header


@pytest.mark.parametrize("megabytes", [1, 3])
def test_the_answer_to_a_header_that_is_too_long_arrives(port: int, megabytes: int) -> None:
    with _connection(port, _GET + b"X-A: " + b"a" * (megabytes << 20)) as client:
        assert _all_of(client).startswith(b"HTTP/1.1 400 ")
