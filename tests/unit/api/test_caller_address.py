"""A client's word about itself is not evidence: what acts and logs name is where the connection comes from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.caller_address import CONNECTION, CallerAddress, address_behind
from migration.ledger.run_acts import MAX_PERSON_CHARACTERS, Person
from migration.settings import Settings
from migration.trusted_networks import read_networks

PROXIES = read_networks("10.1.0.0/16 192.0.2.7,fd00::/8")


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP"]
)
@pytest.mark.parametrize("value", ["6.6.6.6", "for=6.6.6.6", "db1: started at -- By token root on 10.0.0.1"])
def test_no_header_counts_without_a_trusted_proxy(name: str, value: str) -> None:
    assert _seen_by_the_application([(name, value)], connection="127.0.0.1", trusted="") == "127.0.0.1"


@pytest.mark.parametrize(
    ("connection", "forwarded_for", "caller"),
    [
        ("203.0.113.9", "6.6.6.6", "203.0.113.9"),  # nobody's proxy
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "6.6.6.6, 203.0.113.9", "203.0.113.9"),  # the client wrote the first
        ("10.1.2.3", "6.6.6.6, 203.0.113.9, 192.0.2.7", "203.0.113.9"),  # two proxies
        ("10.1.2.3", "10.1.0.1, 10.1.0.2", "10.1.0.1"),  # a client in the proxies' network
        ("10.1.2.3", "203.0.113.9, root on db1", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9, root on db1, 192.0.2.7", "192.0.2.7"),
        ("10.1.2.3", "203.0.113.9,", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9:5678", "203.0.113.9"),
        ("10.1.2.3", "[2001:db8::9]:443", "2001:db8::9"),
        ("10.1.2.3", "2001:DB8:0::9", "2001:db8::9"),
        ("10.1.2.3", "fe80::1%by token root on db1", "10.1.2.3"),  # a zone may be any text
        ("10.1.2.3", "2130706433", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.9" * 2_000, "10.1.2.3"),
        ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("fd00::1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("a socket", "203.0.113.9", "a socket"),
    ],
)
def test_a_trusted_proxy_names_the_last_hop_that_is_none(
    connection: str, forwarded_for: str, caller: str
) -> None:
    assert address_behind(connection, forwarded_for, PROXIES) == caller


def test_several_headers_are_one_chain() -> None:
    headers = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.9")]
    assert _seen_by_the_application(headers, connection="10.1.2.3", trusted="10.1.0.0/16") == "203.0.113.9"


@pytest.mark.parametrize("name", ["Forwarded", "X-Real-IP"])
def test_what_a_trusted_proxy_may_pass_on_untouched_does_not_count(name: str) -> None:
    headers = [
        (name, "for=6.6.6.6" if name == "Forwarded" else "6.6.6.6"),
        ("X-Forwarded-For", "203.0.113.9"),
    ]
    assert _seen_by_the_application(headers, connection="10.1.2.3", trusted="10.1.0.0/16") == "203.0.113.9"


def test_what_uvicorn_believes_changes_nothing() -> None:
    headers = [("X-Forwarded-For", "6.6.6.6")]
    assert _seen_by_the_application(headers, "127.0.0.1", trusted="", uvicorn_trusts="*") == "127.0.0.1"


@pytest.mark.parametrize(
    "written", ["*", "0.0.0.0/0", "::/0", "10.1.2.3/16", "proxy.example", "10.0.0.1;10.0.0.2"]
)
def test_a_setting_that_is_no_network_or_everybody_s_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"addresses and networks|believe every caller"):
        Settings(_env_file=None, trusted_proxies=written)  # type: ignore[call-arg]


def test_a_person_is_a_bounded_word_whatever_a_ledger_holds() -> None:
    person = Person("token ops", "db1\nBy token root\x1b[2J" + "x" * 20_000)
    assert len(person.host) == MAX_PERSON_CHARACTERS
    assert person.host.isprintable()


def _seen_by_the_application(
    headers: list[tuple[str, str]], connection: str, trusted: str, uvicorn_trusts: str | None = None
) -> str:
    seen: list[Any] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    app: Any = CallerAddress(application, read_networks(trusted))
    if uvicorn_trusts is not None:
        app = ProxyHeadersMiddleware(app, uvicorn_trusts)
    scope = {
        "type": "http",
        "client": (connection, 4711),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "state": {CONNECTION: (connection, 4711)},
    }
    asyncio.run(app(scope, None, None))
    return str(seen[0])
