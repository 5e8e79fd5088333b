"""What is known of a server that was in trouble, when nobody asks."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest

from api import server_watch
from api.server_watch import LOOK_BOUND_SECONDS, TROUBLE_SECONDS, ServerWatch

HANG_SECONDS = 20.0


class Server:
    """Answers, or does not."""

    answers = False
    asked = 0

    def look(self) -> str:
        self.asked += 1
        if not self.answers:
            raise ConnectionError("nobody listens")
        return "fine"


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def watch(server: Server) -> Iterator[ServerWatch[str]]:
    made = ServerWatch("test", server.look)
    yield made
    made.stop()


def test_a_server_that_answers_again_is_found_though_nobody_asks(
    server: Server, watch: ServerWatch[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_watch, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(server_watch, "TROUBLE_SECONDS", 0.01)
    watch.start()
    deadline = time.monotonic() + HANG_SECONDS
    while server.asked < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    last = watch.last()
    assert last is not None
    assert isinstance(last.problem, ConnectionError)
    server.answers = True
    while (last := watch.last()) is None or last.found != "fine":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    asked = server.asked
    time.sleep(0.1)
    assert server.asked == asked  # and is left in peace for as long as it is well


def test_trouble_is_over_within_five_seconds() -> None:
    assert TROUBLE_SECONDS + LOOK_BOUND_SECONDS < 5


def test_how_long_a_server_has_been_well_is_known_only_after_trouble(
    server: Server, watch: ServerWatch[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_watch, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(server_watch, "TROUBLE_SECONDS", 0.01)
    server.answers = True
    first = watch.known(HANG_SECONDS)
    assert first is not None
    assert first.found == "fine"
    assert watch.has_been_well_for() == math.inf
    deadline = time.monotonic() + HANG_SECONDS
    for answers in (False, True):
        server.answers = answers
        asked = server.asked
        while server.asked < asked + 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert watch.has_been_well_for() < HANG_SECONDS
