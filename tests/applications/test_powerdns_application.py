"""PowerDNS, written in C++: zones, DNSSEC keys and comments, asked for over DNS and HTTP on both sides."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from tests.applications.application_run import ApplicationRun, differences, part_of_url, table_report
from tests.support.guarded import free_port

KEY = "opensesame"
ZONES = ("example.org", "xn--bcher-kva.example", "2.0.192.in-addr.arpa", "big.example")
FRONT_END = """
    INSERT INTO domains (name, type) VALUES ('Front-End.example', 'NATIVE');
    INSERT INTO records (domain_id, name, type, content, ttl)
        SELECT id, 'front-end.example', 'SOA', 'ns1.example.org a.example.org 1 2 3 4 5', 60 FROM domains
        WHERE name = 'front-end.example';
"""
QUESTIONS = (
    ("front-end.example", "SOA"),
    ("www.example.org", "A"),
    ("example.org", "MX"),
    ("long.example.org", "TXT"),
    ("any.wild.example.org", "A"),
    ("nothing.example.org", "A"),
    ("old.example.org", "A"),
    ("example.org", "DNSKEY"),
    ("xn--bcher-kva.example", "NS"),
    ("7.2.0.192.in-addr.arpa", "PTR"),
    ("host199.big.example", "AAAA"),
)


class Server:
    """PowerDNS on one of its databases: `settings` say which."""

    def __init__(self, application: ApplicationRun, name: str, settings: dict[str, str]) -> None:
        self.application = application
        self.folder = application.folder / name
        self.folder.mkdir()
        self.port, self.web_port = free_port(), free_port()
        modules = next(application.environment.glob("usr/lib/*/pdns"))
        lines = {
            "module-dir": modules, "socket-dir": self.folder, "daemon": "no", "guardian": "no",
            "local-address": "127.0.0.1", "local-port": self.port, "webserver": "yes", "api": "yes",
            "webserver-port": self.web_port, "api-key": KEY, "webserver-allow-from": "127.0.0.1",
            "cache-ttl": "0", "query-cache-ttl": "0", "negquery-cache-ttl": "0", "zone-cache-refresh-interval": "0",
            **settings,
        }  # fmt: skip
        words = "".join(f"{name}={value}\n" for name, value in lines.items())
        (self.folder / "pdns.conf").write_text(words, encoding="utf-8")

    def util(self, *words: str, given: str | None = None) -> str:
        """Run pdnsutil."""
        return self.application.command("pdnsutil", f"--config-dir={self.folder}", *words, given=given)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.application.server("pdns_server", f"--config-dir={self.folder}", ready=self.answers):
            yield

    def answers(self) -> bool:
        try:
            self.api("")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def api(self, path: str, change: dict[str, Any] | None = None) -> Any:
        """Ask the HTTP API, or change something by it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web_port}/api/v1/servers/localhost{path}",
            data=None if change is None else json.dumps(change).encode(),
            method="GET" if change is None else "PATCH",
            headers={"X-API-Key": KEY},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    def told(self) -> dict[str, Any]:
        """All that the server and its tool tell; signatures are another one each time."""
        asked: dict[str, Any] = {
            "zones": sorted(set(self.util("list-all-zones").split()) - {"front-end.example"}),
            "keys": self.util("list-keys").splitlines(),
            "secrets": self.util("list-tsig-keys").splitlines(),
            "autoprimaries": self.util("list-autoprimaries").splitlines(),
        }
        for zone in ZONES:
            asked[zone] = sorted(self.util("list-zone", zone).splitlines())
            asked[f"{zone} over HTTP"] = _sorted_sets(self.api(f"/zones/{zone}."))
            asked[f"{zone}'s metadata"] = sorted(self.util("get-meta", zone).splitlines())
        for name, kind in QUESTIONS:
            asked[f"{name} {kind}"] = self.dig(name, kind)
        for key in ("1", "2"):
            asked[f"private key {key}"] = self.util("export-zone-key", "example.org", key)
        return asked

    def dig(self, name: str, kind: str) -> list[str]:
        found = self.application.command("sdig", "127.0.0.1", str(self.port), name, kind, "dnssec", "tcp")
        return sorted(line for line in found.splitlines() if "RRSIG" not in line)


def _sorted_sets(zone: dict[str, Any]) -> dict[str, Any]:
    sets = {f"{found['name']} {found['type']}": found for found in zone.pop("rrsets")}
    for found in sets.values():
        found["records"].sort(key=lambda record: record["content"])
    return {**zone, "rrsets": sets}


def write(server: Server) -> None:
    """Do what an administrator does: zones by the tool and by HTTP, signed and not."""
    for zone in ZONES:
        server.util("create-zone", zone, "ns1.example.org")
    server.util("add-record", "example.org", "www", "A", "300", "192.0.2.7")
    server.util("add-record", "example.org", "@", "MX", "10 mail.example.org")
    server.util("add-record", "example.org", "*.wild", "A", "3600", "192.0.2.8")
    server.util("add-record", "example.org", "long", "TXT", "3600", json.dumps("y" * 200) + ' "ü \\" ; €"')
    server.util("add-record", "2.0.192.in-addr.arpa", "7", "PTR", "www.example.org")
    lines = "".join(f"host{n} 60 IN AAAA 2001:db8::{n:x}\n" for n in range(200))
    soa = "@ 3600 IN SOA ns1.example.org. admin.example.org. 2024062501 10800 3600 604800 3600\n"
    soa += "@ IN NS ns1.example.org.\n"
    (server.folder / "big.zone").write_text(f"$ORIGIN big.example.\n{soa}{lines}", encoding="utf-8")
    server.util("load-zone", "big.example", str(server.folder / "big.zone"))
    server.util("add-zone-key", "example.org", "ksk", "active", "published", "ecdsa256")
    server.util("add-zone-key", "example.org", "zsk", "inactive", "unpublished", "ed25519")
    server.util("set-nsec3", "example.org", "1 0 0 -", "narrow")
    server.util("secure-zone", "big.example")
    server.util("set-account", "big.example", "Zoë & söhne")
    server.util("set-kind", "2.0.192.in-addr.arpa", "primary")
    server.util("set-meta", "example.org", "ALLOW-AXFR-FROM", "192.0.2.0/24", "AUTO-NS")
    server.util("generate-tsig-key", "transfer", "hmac-sha256")
    server.util("activate-tsig-key", "example.org", "transfer", "primary")
    server.util("add-autoprimary", "192.0.2.53", "ns9.example.org", "other")
    server.util("add-autoprimary", "2001:db8::53", "ns9.example.org", "")
    server.util("rectify-all-zones")
    with closing(sqlite3.connect(server.folder.parent / "pdns.sqlite3")) as connection:
        # A front end that writes by itself: SQLite answers for its zone whatever the capitals, and does not list it.
        connection.executescript(FRONT_END)
    with server.running():
        changed = {
            "name": "old.example.org.", "type": "A", "ttl": 60, "changetype": "REPLACE",
            "records": [{"content": "192.0.2.9", "disabled": True}, {"content": "192.0.2.10", "disabled": False}],
            "comments": [{"content": 'moved 🚚 "soon"', "account": "", "modified_at": 1719326078}],
        }  # fmt: skip
        server.api("/zones/example.org.", {"rrsets": [changed]})


@pytest.fixture
def servers(application: ApplicationRun) -> tuple[Server, Server]:
    """The server on both its databases, with the tables that its package brings."""
    schemas = application.environment / "usr" / "share"
    file = application.folder / "pdns.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((schemas / "pdns-backend-sqlite3/schema/schema.sqlite3.sql").read_text())
    with psycopg.connect(application.target_url) as target:
        target.execute((schemas / "pdns-backend-pgsql/schema/schema.pgsql.sql").read_bytes())
    before = {"launch": "gsqlite3", "gsqlite3-database": str(file), "gsqlite3-dnssec": "yes"}
    after = {
        f"gpgsql-{name}": part_of_url(application.target_url, name)
        for name in ("host", "port", "dbname", "user")
    }
    return (
        Server(application, "before", before),
        Server(application, "after", {"launch": "gpgsql", "gpgsql-dnssec": "yes", **after}),
    )


def test_a_powerdns_server_answers_from_postgresql(
    application: ApplicationRun, servers: tuple[Server, Server]
) -> None:
    before, after = servers
    write(before)
    with before.running():
        told = before.told()
    assert any("192.0.2.10" in line for line in told["old.example.org A"])

    report = application.migrate(application.folder / "pdns.sqlite3", app="powerdns")
    assert "lowered" in json.dumps(table_report(report, "domains"))

    with after.running():
        assert differences(told, after.told()) == []
        assert "front-end.example" in after.util("list-all-zones")
        after.util("create-zone", "new.example", "ns1.example.org")
        after.util("add-record", "new.example", "www", "A", "192.0.2.99")
        after.util("secure-zone", "new.example")
        after.util("set-meta", "new.example", "ALSO-NOTIFY", "192.0.2.1")
        after.util("generate-tsig-key", "later", "hmac-sha256")
        comment = {"content": "neu", "account": "a", "modified_at": 1719326079}
        after.api("/zones/new.example.", {"rrsets": [{"name": "www.new.example.", "type": "A", "comments": [comment],
                                                      "changetype": "REPLACE"}]})  # fmt: skip
        assert "192.0.2.99" in " ".join(after.dig("www.new.example", "A"))
        after.util("check-zone", "new.example")
