"""A certificate whose dates are not today is said to be so, with what to look at: the certificate and the clock."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from migration.errors import BrokerError, TargetLoginError
from migration.queue import check_broker
from migration.target.target_connection import connect

_DAY = timedelta(days=1)


@contextmanager
def greeting_with(certificate: trustme.LeafCert, *, after: int) -> Iterator[int]:
    """Listen on a port, take so many bytes of a request for TLS, answer S where there are any, and shake hands."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    if after:
                        client.recv(after)
                        client.sendall(b"S")
                    context.wrap_socket(client, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("begins", "ends", "words"), [(-3, -1, "expired"), (1, 3, "not yet valid")])
def test_dates_of_a_certificate_are_named(tmp_path: Path, begins: int, ends: int, words: str) -> None:
    authority, now = trustme.CA(), datetime.now(UTC)
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(root)
    certificate = authority.issue_cert(
        "localhost", not_before=now + begins * _DAY, not_after=now + ends * _DAY
    )
    with greeting_with(certificate, after=0) as port, pytest.raises(BrokerError) as of_broker:
        check_broker(f"rediss://localhost:{port}/0?ssl_ca_certs={root}")
    assert words in of_broker.value.what
    assert "this host's clock" in of_broker.value.remedy

    url = f"postgresql://me@localhost/shop?sslmode=verify-full&sslrootcert={root}"
    with greeting_with(certificate, after=8) as port, pytest.raises(TargetLoginError) as of_target:
        connect(f"{url}&port={port}&hostaddr=127.0.0.1&gssencmode=disable", "test")
    assert (
        "certificate's dates and this host's clock" in of_target.value.remedy
    )  # libpq does not say which it is
