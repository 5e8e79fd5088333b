"""`python -m producer.flower_server`: Flower, which asks for its login everywhere and only shows.

Flower's own command has three doors that a service wants closed. Its API stops workers and revokes tasks, which the
ledger knows nothing of; its `/metrics` asks for no login; and without a login it shows everything to everybody. Here
its option `read_only` is on unless FLOWER_READ_ONLY=false, so that its pages have no such buttons, and what acts is
refused by a list of what may be read and not of what may not be done: a route of a later Flower is refused, too.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flower.app import Flower
from flower.command import apply_env_options, extract_settings, settings, setup_logging
from flower.views import BaseHandler
from flower.views.monitor import Metrics
from tornado.httputil import HTTPServerRequest
from tornado.options import options
from tornado.web import HTTPError, authenticated

from migration.process_launcher import flower_login
from migration.process_settings import log_unknown_settings
from migration.queue import make_app
from migration.secret_text import guard_output
from migration.settings import load_settings

_OPEN_PATHS: Final = ("/healthcheck",)
"""Says OK and nothing else, to whoever watches over the process."""
_READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_READING_POSTS: Final = frozenset({"/tasks/datatable"})
"""The list of tasks, whose page asks for it by POST."""
_NO_LOGIN: Final = "Flower is off: it has no login. Set FLOWER_BASIC_AUTH=user:password, and start it anew."
_READ_ONLY: Final = (
    "Flower only shows here. Pause or cancel a run with migration-cli, which the ledger knows of;"
    " FLOWER_READ_ONLY=false lets Flower stop workers and tasks."
)


def is_reading(method: str, path: str) -> bool:
    """Whether a request only shows something."""
    return method in _READING_METHODS or (method == "POST" and path in _READING_POSTS)


class Refusal(BaseHandler):  # type: ignore[misc]
    """Answers 401 without the right login, and else what it is told to."""

    def initialize(self, status: int, sentence: str) -> None:
        """Take the answer."""
        self._status, self._sentence = status, sentence

    def prepare(self) -> None:
        """Give it, before any method is looked for."""
        if not self.get_current_user():  # raises 401 itself where the login is wrong
            raise HTTPError(HTTPStatus.UNAUTHORIZED)
        self.set_status(self._status)
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish(f"{self._sentence}\n")


class FiguresWithLogin(Metrics):  # type: ignore[misc]
    """`/metrics` as Flower has it, for those who log in."""

    @authenticated
    async def get(self) -> None:
        """Answer in Prometheus' text format."""
        await super().get()


class ClosedFlower(Flower):  # type: ignore[misc]
    """Flower behind its login, which only shows where its option `read_only` is on."""

    def find_handler(self, request: HTTPServerRequest, **values: Any) -> Any:
        """Return what answers a request."""
        path = self._path_of(request)
        if path not in _OPEN_PATHS and self.options.read_only and not is_reading(str(request.method), path):
            answer = {"status": int(HTTPStatus.FORBIDDEN), "sentence": _READ_ONLY}
            return self.get_handler_delegate(request, Refusal, answer)
        if path == "/metrics":
            return self.get_handler_delegate(request, FiguresWithLogin)
        return super().find_handler(request, **values)

    def _path_of(self, request: HTTPServerRequest) -> str:
        prefix = f"/{self.options.url_prefix.strip('/')}" if self.options.url_prefix else ""
        return str(request.path).removeprefix(prefix).rstrip("/") or "/"


def _wait_for_the_end() -> int:
    """Stay, so that who watches over all processes does not take the others down for this one."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    while not stopping.wait(3600.0):
        pass
    return 0


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    guard_output()
    try:
        login = flower_login(environment)
    except ValueError as error:
        print(f"Flower is off: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return _wait_for_the_end()
    if not login and not environment.get("FLOWER_AUTH"):  # FLOWER_AUTH: OAuth, Flower's other kind of login
        print(_NO_LOGIN, file=sys.stderr, flush=True)  # noqa: T201
        return _wait_for_the_end()
    if login:
        os.environ["FLOWER_BASIC_AUTH"] = login
    options.address, options.read_only = "127.0.0.1", True
    apply_env_options()
    extract_settings()
    setup_logging()
    log_unknown_settings()
    # Tornado sets its log up when a command line is parsed, which there is none of.
    options.run_parse_callbacks()
    server = ClosedFlower(options=options, capp=make_app(load_settings(), "flower"), **settings)
    atexit.register(server.stop)
    signal.signal(signal.SIGTERM, _end)
    port = server.start_http_server()
    manner = "and only shows" if options.read_only else "and lets those who log in stop workers and tasks"
    print(f"Flower listens on {options.address}:{port} {manner}", flush=True)  # noqa: T201
    try:
        server.start()
    except (KeyboardInterrupt, SystemExit):
        return 0
    return 0


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(os.environ))
