"""Connections that are kept between requests, by a clock that the test moves: who may send, is answered.

Server and client live on one event loop, so each test says in which turn of it something arrives.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from api.header_deadline import HEADER_SECONDS, IDLE_SECONDS, DeadlineProtocol
from api.lingering_transport import LINGER_SECONDS

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
HANG_SECONDS = 20.0


class MovedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be moved on."""

    moved = 0.0

    def time(self) -> float:
        return super().time() + self.moved


class Client:
    """The other end of a connection that the protocol serves."""

    def __init__(self, loop: MovedLoop, end: socket.socket) -> None:
        self.loop = loop
        self.end = end

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.end, data)

    async def read(self) -> bytes:
        async with asyncio.timeout(HANG_SECONDS):
            return await self.loop.sock_recv(self.end, 65_536)

    async def answered(self) -> bool:
        answer = b""
        while not answer.endswith(b"ok"):
            part = await self.read()
            if not part:
                return False
            answer += part
        return answer.startswith(b"HTTP/1.1 200 ")

    async def after(self, seconds: float) -> None:
        """Let time pass, and the server see it."""
        self.loop.moved += seconds
        for _ in range(10):
            await asyncio.sleep(0)


async def _ok(scope: Any, _receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _play(scene: Callable[[Client], Awaitable[None]]) -> None:
    loop = MovedLoop()
    config = uvicorn.Config(_ok, log_config=None, access_log=False)
    config.load()

    async def play() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        await loop.connect_accepted_socket(lambda: DeadlineProtocol(config, ServerState(), {}), theirs)
        with ours:
            await scene(Client(loop, ours))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(play())


def test_an_idle_connection_is_kept_longer_than_proxies_keep_it() -> None:
    async def scene(client: Client) -> None:
        for _ in range(3):
            await client.send(GET)
            assert await client.answered()
            await client.after(60)
        await client.after(IDLE_SECONDS - 60 + 1)
        assert await client.read() == b""

    _play(scene)


def test_a_header_has_its_time_from_its_first_byte() -> None:
    async def scene(client: Client) -> None:
        await client.send(GET)
        assert await client.answered()
        await client.after(IDLE_SECONDS - 1)
        await client.send(GET[:5])
        await client.after(HEADER_SECONDS - 1)
        await client.send(GET[5:])
        assert await client.answered()

    _play(scene)


@pytest.mark.parametrize("begun", [b"", GET[:5]], ids=["connecting", "trickling"])
def test_a_first_header_has_its_time_from_connecting(begun: bytes) -> None:
    async def scene(client: Client) -> None:
        if begun:
            await client.send(begun)
        await client.after(HEADER_SECONDS - 1)
        await client.send(GET[len(begun) : 10])
        await client.after(2)
        assert await client.read() == b""

    _play(scene)


@pytest.mark.parametrize("left", [GET[:5], b""], ids=["half of the next header", "the rest of a body"])
def test_what_has_begun_when_an_answer_ends_is_not_idle(left: bytes) -> None:
    async def scene(client: Client) -> None:
        await client.send(GET + left if left else POST)
        assert await client.answered()
        await client.after(HEADER_SECONDS + 1)
        assert await client.read() == b""

    _play(scene)


def test_a_request_that_comes_in_the_turn_of_the_limit_is_answered() -> None:
    async def scene(client: Client) -> None:
        await client.send(GET)
        assert await client.answered()
        # Due in the same turn as the limit, and before it: the loop has looked for bytes already.
        client.loop.call_later(IDLE_SECONDS - 1, client.end.send, GET)
        await client.after(IDLE_SECONDS + 1)
        assert await client.answered()

    _play(scene)


def test_a_connection_that_was_closed_reads_on_for_a_moment_and_resets_nobody() -> None:
    async def scene(client: Client) -> None:
        await client.send(GET[:5])
        await client.after(HEADER_SECONDS + 1)
        await client.send(GET[5:])  # on its way when the server closed
        await client.after(0)
        assert await client.read() == b""
        await client.after(LINGER_SECONDS + 1)
        with pytest.raises(ConnectionError):
            await client.send(GET)

    _play(scene)


def test_the_command_for_uvicorn_in_the_docs_bounds_headers() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
    found = re.search(r"`uvicorn --factory api\.app:create_app (.*?)`", page, re.DOTALL)
    assert found
    options = dict(re.findall(r"--(\S+) (\S+)", found[1]))
    config = uvicorn.Config(_ok, http=options["http"])
    config.load()
    assert config.http_protocol_class is DeadlineProtocol
    assert "--no-proxy-headers" in found[1]


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01 no HTTP\r\n\r\n", b"GET /?" + b"x" * 70_000], ids=["tls", "long"]
)
def test_what_is_no_request_is_answered_with_a_problem(sent: bytes) -> None:
    async def scene(client: Client) -> None:
        await client.send(sent)
        answer = b""
        while more := await client.read():
            answer += more
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request")
        assert b"application/problem+json" in head
        assert json.loads(body)["type"] == "urn:convoy:problem:bad-request"

    _play(scene)
