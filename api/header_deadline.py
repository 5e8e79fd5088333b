"""The time that a client may take for the header of a request.

uvicorn has none: whoever sends a byte now and then keeps a connection, and a file descriptor, for ever.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 15.0
"""From connecting, or from the end of the last answer, to the end of the header."""


class DeadlineProtocol(H11Protocol):
    """Closes a connection whose next header is not whole in time; bytes that arrive meanwhile move nothing.

    What is left of the last request's body counts as well. While a request is answered there is no such time:
    `api/body_limit.py` and `api/request_gate.py` have theirs.
    """

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first header."""
        super().connection_made(transport)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        """Let uvicorn read; a header that is whole has begun a request."""
        answered = self.cycle
        super().data_received(data)
        if self.cycle is not answered:
            self._forget_timer()

    def on_response_complete(self) -> None:
        """Wait for the next header, unless it was there already and uvicorn has begun its request."""
        answered = self.cycle
        super().on_response_complete()
        if self.cycle is answered:
            self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._forget_timer()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        self._forget_timer()
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _forget_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
