"""A PostgreSQL that asks for a password (SCRAM) and speaks TLS, with a certificate authority made for it.

The embedded PostgreSQL is built without OpenSSL, so TLS ends in a small proxy before it: it answers PostgreSQL's
SSLRequest and passes on what it decrypts. Of the client nothing is simulated.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from producer.embedded.embedded_postgres import EmbeddedPostgres

USER = "guarded"
PASSWORD = "p@ss:w/rd %#?&'ü\\"
DATABASE = "guarded"
_SSL_REQUEST = 80_877_103  # https://www.postgresql.org/docs/current/protocol-message-formats.html
_GSS_REQUEST = 80_877_104


@dataclass(frozen=True)
class Authority:
    """Files of a certificate authority, and of a server `localhost` that it vouches for."""

    root: Path
    certificate: Path
    key: Path


def make_authority(folder: Path, name: str) -> Authority:
    """Make an authority and a server's certificate with the program openssl."""
    folder.mkdir(parents=True, exist_ok=True)
    root, certificate, key = (folder / file for file in ("root.crt", "server.crt", "server.key"))
    root_key, request, extension = (folder / file for file in ("root.key", "server.csr", "server.ext"))
    extension.write_text("subjectAltName=DNS:localhost\n", encoding="ascii")
    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", "-x509", *fresh, "-keyout", root_key, "-out", root, "-days", "2", "-subj", f"/CN={name}")
    _openssl("req", *fresh, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    signer = ("-CA", root, "-CAkey", root_key, "-CAcreateserial", "-days", "2", "-extfile", extension)
    _openssl("x509", "-req", "-in", request, *signer, "-out", certificate)
    return Authority(root, certificate, key)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([shutil.which("openssl") or "openssl", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class GuardedServer:
    """`port` is plain TCP, `tls_port` wants TLS; both ask for the password, and so does the socket in `folder`."""

    port: int
    tls_port: int
    folder: str
    authority: Authority
    other_authority: Authority
    superuser_url: str


@contextmanager
def guarded_server(folder: Path) -> Iterator[GuardedServer]:
    """Run the server for the time of the block. `folder` must be one that its user may enter."""
    port = free_port()
    server = EmbeddedPostgres(
        folder / "postgres",
        settings={"fsync": "off", "listen_addresses": "127.0.0.1", "port": str(port)},
    )
    server.start()
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(USER), sql.Literal(PASSWORD)
                )
            )
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER} TEMPLATE template0")
            (folder / "postgres" / "pg_hba.conf").write_text(
                "local all postgres trust\n"
                "local all all scram-sha-256\n"
                "host all all 127.0.0.1/32 scram-sha-256\n",
                encoding="ascii",
            )
            connection.execute("SELECT pg_reload_conf()")
        authority = make_authority(folder / "authority", "Convoy's test")
        other = make_authority(folder / "other", "Somebody else")
        with _tls_before(port, authority) as tls_port:
            yield GuardedServer(
                port, tls_port, str(server._socket_folder), authority, other, server.url_for(DATABASE)
            )
    finally:
        server.stop()


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _tls_before(port: int, authority: Authority) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):  # the listener is closed: the end
            while True:
                client, _ = listener.accept()
                threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError), client:
        request = _request(client)
        if request == _GSS_REQUEST:
            client.sendall(b"N")
            request = _request(client)
        if request != _SSL_REQUEST:  # as a server with nothing but `hostssl` lines in pg_hba.conf
            client.sendall(_fatal("28000", "no pg_hba.conf entry for this host, no encryption"))
            return
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as secure, _server(port) as server:
            secure.setblocking(True)
            back = threading.Thread(target=_pump, args=(server, secure), daemon=True)
            back.start()
            _pump(secure, server)
            back.join()


def _server(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


def _request(client: socket.socket) -> int:
    _, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
    return int(code)


def _fatal(state: str, message: str) -> bytes:
    body = f"SFATAL\0VFATAL\0C{state}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!I", len(body) + 4) + body


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
