"""The time that a client may take for the header of a request, and how long a connection may lie idle between two.

uvicorn has no such time for a header: whoever sends a byte now and then keeps a connection, and a file descriptor, for
ever. Its time for idle ones is 5 s, which is what some clients take for theirs, too: of two that look at a connection
at the same moment, one closes it and the other sends a request, which is reset.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.caller_address import CONNECTION
from api.lingering_transport import LingeringTransport
from api.problem_documents import unreadable_request

HEADER_SECONDS = 15.0
"""From the first byte of a header to its end; for the first request of a connection, from connecting."""
IDLE_SECONDS = 75.0
"""From the end of an answer to the first byte of the next header. Longer than the 60 s for which proxies commonly keep
a connection (nginx, load balancers of clouds), so that they end it and not this server, which cannot know what is on
its way: RFC 9112, section 9.5."""


class DeadlineProtocol(H11Protocol):
    """Closes a connection whose next header is not whole in time; bytes that arrive meanwhile move nothing.

    What is left of the last request's body counts as well. While a request is answered there is no such time:
    `api/body_limit.py` and `api/request_gate.py` have theirs.
    """

    _timer: asyncio.TimerHandle | None = None
    _is_idle = False
    _lingering: LingeringTransport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first header."""
        self._lingering = LingeringTransport(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._lingering))
        # What uvicorn makes of headers goes into the scope; this is out of its reach.
        self.app_state = {**self.app_state, CONNECTION: self.client}
        # So uvicorn's own never comes before ours.
        self.timeout_keep_alive = int(IDLE_SECONDS + HEADER_SECONDS) + 1
        self._wait(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Let uvicorn read; a header that is whole has begun a request."""
        if self.transport.is_closing():
            return
        if self._is_idle:
            self._is_idle = False
            self._wait(HEADER_SECONDS)
        answered = self.cycle
        super().data_received(data)
        if self.cycle is not answered:
            self._forget_timer()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's word, which is for its log
        """Answer as everywhere else, with a problem document."""
        answer = unreadable_request()
        headers = [*answer.raw_headers, (b"connection", b"close")]
        phrase = HTTPStatus.BAD_REQUEST.phrase.encode()
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers, reason=phrase),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next header, unless it was there already and uvicorn has begun its request."""
        answered = self.cycle
        super().on_response_complete()
        if self.cycle is answered and not self.transport.is_closing():
            # Nothing of the next header, and nothing left of this request's body.
            self._is_idle = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
            self._wait(IDLE_SECONDS if self._is_idle else HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._forget_timer()
        self._unset_keepalive_if_required()  # which uvicorn forgets where the client has reset the connection
        self._lingering.forget()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End at once where no request is under way: the process waits for its connections."""
        if self.cycle is None or self.cycle.response_complete:
            self._lingering.close_now()
        else:
            super().shutdown()

    def _wait(self, seconds: float) -> None:
        self._forget_timer()
        self._timer = self.loop.call_later(seconds, self._look_once_more)

    def _look_once_more(self) -> None:
        # What has come in the same turn of the loop is read at the beginning of the next one, before its timers.
        self._timer = self.loop.call_later(0, self._end)

    def _end(self) -> None:
        self._timer = None
        self.transport.close()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
