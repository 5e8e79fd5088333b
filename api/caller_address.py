"""The address that a request came from: that of its connection, never what a client says of itself.

Only a proxy that the operator has named (`MIGRATION_TRUSTED_PROXIES`) is asked who stands behind it, by the one header
that every proxy appends to, `X-Forwarded-For`. `Forwarded` and `X-Real-IP` never count: a proxy that does not write
them passes on what the client wrote. uvicorn has a mapping of its own, which believes whoever connects from this host,
and takes any text for an address: `DeadlineProtocol` notes the connection's address where that cannot reach it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from migration.trusted_networks import Address, Network, read_address

CONNECTION: Final = "connection_address"
"""Where the state of a request holds (host, port) of its connection."""
_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


class CallerAddress:
    """Makes `client` of a request's scope the address that logs and acts may name. Stands outside of all others."""

    def __init__(self, app: ASGIApp, trusted: tuple[Network, ...]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its address."""
        if scope["type"] == "http":
            connection = _connection(scope)
            if connection is not None:
                chain = Headers(scope=scope).getlist("x-forwarded-for")
                caller = address_behind(connection[0], ",".join(chain), self._trusted)
                # A port is one of the connection, and of nobody behind it.
                scope["client"] = connection if caller == connection[0] else (caller, 0)
        await self._app(scope, receive, send)


def _connection(scope: Scope) -> tuple[str, int] | None:
    state: dict[str, Any] = scope.get("state") or {}
    found: tuple[str, int] | None = state[CONNECTION] if CONNECTION in state else scope.get("client")
    return found


def address_behind(connection: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """Return the last address of a chain of proxies that is no trusted proxy's.

    Args:
        connection: the address that the connection comes from.
        forwarded_for: `X-Forwarded-For`, the nearest hop last; several headers are one list.
        trusted: networks of the proxies that are believed.

    A hop that is no address ends the search: who stands before it, nobody knows who may be believed.
    """
    here = read_address(connection)
    if here is None:  # a socket of this host, say
        return connection
    hops = forwarded_for.split(",") if forwarded_for and _is_in(here, trusted) else []
    while hops and _is_in(here, trusted):
        behind = _hop(hops.pop())
        if behind is None:
            break
        here = behind
    return str(here)


def _hop(written: str) -> Address | None:
    """Return the address of one hop, which some proxies write with the port."""
    written = written.strip()
    found = _WITH_PORT.fullmatch(written)
    return read_address((found[1] or found[2]) if found else written)


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
