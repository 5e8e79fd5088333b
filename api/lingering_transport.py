"""A connection that the server ends in such a way that its last answer arrives.

A socket that is closed while bytes lie in it unread, or come afterwards, is reset, and a reset takes away what the
client has not read yet: the answer to a header that is too long, or to a body that nobody wanted. So the server says
first that it sends no more, reads on for a moment and forgets what it reads (RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

LINGER_SECONDS: Final = 2.0
"""So long a client may go on sending; most close at once when they have read the end."""


class LingeringTransport:
    """Stands before the transport of a connection: what is no `close` goes on to it.

    Its protocol asks `is_closing` of whatever still arrives, and forgets it.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._end: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether no more is sent."""
        return self._end is not None or self._transport.is_closing()

    def close(self) -> None:
        """Say that no more is sent, and close when the client has closed or `LINGER_SECONDS` are over."""
        if self.is_closing():
            return
        if not self._transport.can_write_eof():  # TLS
            self._transport.close()
            return
        self._end = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        try:
            self._transport.write_eof()
            self._transport.resume_reading()  # where nobody reads, the end of the client's bytes is not seen
        except OSError:  # it is gone
            self._transport.close()

    def close_now(self) -> None:
        """Close without waiting for the client."""
        self.forget()
        self._transport.close()

    def forget(self) -> None:
        """Wait no longer: the connection is lost."""
        if self._end is not None:
            self._end.cancel()
