"""Addresses and networks that a setting names, and whose of them an address is."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SHOWN: Final = 100


def read_networks(written: str) -> tuple[Network, ...]:
    """Return the networks of a list that is apart by commas or spaces; an address is a network of one.

    Raises:
        ValueError: an entry is neither, or is a network that everybody is in.
    """
    networks = []
    for entry in re.split(r"[\s,]+", written.strip()) if written.strip() else ():
        try:
            network = ip_network(entry)
        except ValueError:
            raise PydanticCustomError(
                "network",
                "It holds addresses and networks, apart by commas, such as 10.0.0.7, 10.1.0.0/16 or fd00::/8;"
                " {entry} is none",
                {"entry": repr(entry[:_SHOWN])},
            ) from None
        if network.prefixlen == 0:
            raise PydanticCustomError(
                "network",
                "{entry} would believe every caller: name the proxies' own networks",
                {"entry": entry},
            )
        networks.append(network)
    return tuple(networks)


def _checked(written: str) -> str:
    read_networks(written)
    return written


NetworkList = Annotated[str, AfterValidator(_checked)]
"""The text of a setting that `read_networks` takes."""


def read_address(written: str) -> Address | None:
    """Return an address as it is to be compared and shown; None for anything else.

    An IPv4 address that came in through an IPv6 socket is the IPv4 address. A zone (RFC 4007) is none of an address's
    own and may be any text: `ipaddress` takes it, this function does not.

    >>> read_address("::ffff:10.0.0.7"), read_address("fe80::1%who asks"), read_address("db1")
    (IPv4Address('10.0.0.7'), None, None)
    """
    if "%" in written:
        return None
    try:
        address = ip_address(written)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
