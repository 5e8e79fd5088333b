"""A real Redis that speaks TLS only, asks clients for a certificate, and knows one user with the rights of the docs.

The embedded Valkey is built without TLS, so this one is Debian's; apt-get installs it where this runs as root and it
is not there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.support.documentation import ROOT
from tests.support.guarded import free_port

START_SECONDS = 30.0
USER = "convoy"
PASSWORD = "p@ss:w/rd %#?&1"


@cache
def redis_program() -> str:
    """Return the path of Redis; skips the test where it is not there and cannot be installed."""
    if shutil.which("redis-server") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "redis-server"]):
            subprocess.run(["apt-get", *arguments], check=False, capture_output=True, env=environment)
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("Redis with TLS is not installed (Debian, Ubuntu: apt-get install redis-server)")
    return found


def documented_rights() -> str:
    """Return the rights of the user as docs/security.md has them, after its password."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    return text.partition("ACL SETUSER convoy on >password ")[2].partition("\n")[0]


@dataclass(frozen=True)
class GuardedRedis:
    """A server `localhost`, and what clients need to be let in."""

    port: int
    authority: Path
    other_authority: Path
    certificate: Path
    key: Path

    def url(
        self, *, scheme: str = "rediss", password: str = PASSWORD, user: str = USER, **files: Path
    ) -> str:
        """Return the URL of a client; `files` replaces or, where empty, leaves out a certificate."""
        given = {
            "ssl_ca_certs": self.authority,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
        } | files
        query = "&".join(f"{name}={file}" for name, file in given.items() if file != Path())
        login = f"{user}:{quote(password, safe='')}"
        return f"{scheme}://{login}@localhost:{self.port}/0?ssl_cert_reqs=required&{query}"


@contextmanager
def guarded_redis(folder: Path) -> Iterator[GuardedRedis]:
    """Run the server for the time of the block."""
    port = free_port()
    authority, other = trustme.CA(), trustme.CA()
    files = {
        name: folder / f"{name}.pem"
        for name in ("ca", "other", "server", "server-key", "client", "client-key")
    }
    authority.cert_pem.write_to_path(files["ca"])
    other.cert_pem.write_to_path(files["other"])
    for name, issued in (
        ("server", authority.issue_cert("localhost")),
        ("client", authority.issue_cert("convoy")),
    ):
        issued.cert_chain_pems[0].write_to_path(files[name])
        issued.private_key_pem.write_to_path(files[f"{name}-key"])
    acl = folder / "users.acl"
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    acl.write_text(f"user default off\nuser {USER} on #{digest} {documented_rights()}\n")
    settings = {
        "port": "0",
        "tls-port": str(port),
        "bind": "127.0.0.1",
        "tls-cert-file": str(files["server"]),
        "tls-key-file": str(files["server-key"]),
        "tls-ca-cert-file": str(files["ca"]),
        "tls-auth-clients": "yes",
        "aclfile": str(acl),
        "save": "",
        "dir": str(folder),
    }
    configuration = folder / "redis.conf"
    configuration.write_text("".join(f'{name} "{value}"\n' for name, value in settings.items()))
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [redis_program(), str(configuration)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, (folder / "redis.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield GuardedRedis(port, files["ca"], files["other"], files["client"], files["client-key"])
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except (OSError, ssl.SSLError):
        return False
