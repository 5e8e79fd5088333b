"""`python -m api`: the server on the host and port of the settings, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from api.app import create_app
from api.header_deadline import DeadlineProtocol
from migration.convoy_error import ConvoyError
from migration.log_output import set_up_logging
from migration.process_settings import log_unknown_settings, open_env_file
from migration.secret_text import guard_output
from migration.settings import load_settings
from migration.trace_export import start_tracing

if TYPE_CHECKING:
    from fastapi import FastAPI

SHUTDOWN_SECONDS = 10
"""How long running requests may take to finish; event streams end at once."""
SWITCH_SECONDS = 0.001
"""How long a thread that computes keeps the event loop, and with it the probes, from its turn; Python's own is 5 ms."""


class Server(uvicorn.Server):
    """Tells the application that it is to stop, so that endless event streams end by themselves.

    Its connections end where no header comes.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        config.http = DeadlineProtocol
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, then do as uvicorn does."""
        self._app.state.stopping.set()
        super().handle_exit(sig, frame)


def main() -> int:
    """Run the server; return the exit status."""
    guard_output()
    trouble = open_env_file()
    if trouble is not None:
        print(f"warning: {trouble}", file=sys.stderr)  # noqa: T201
    try:
        settings = load_settings()
        set_up_logging(settings, "api")
        log_unknown_settings()
        app = create_app(settings)
        start_tracing(settings, "api")
    except ConvoyError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the process has nothing else to say it with
        return error.exit_status
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,  # the root logger has the lines
        access_log=False,  # request_log.py says more
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        proxy_headers=False,  # caller_address.py knows whom to believe
    )
    server = Server(config, app)
    sys.setswitchinterval(SWITCH_SECONDS)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
