"""A TCP proxy before the broker, which can refuse, or swallow what it is sent as a firewall does."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress

from producer.embedded.embedded_cluster import LocalCluster

_CHUNK_BYTES = 65_536


class BrokerProxy:
    """Forwards to 127.0.0.1:`port`, or does what broken networks do.

    `mode` is forward; refuse; swallow: connections live and nothing passes, until all pass again; or forget: as
    swallow, and the connections of that time stay dead for good without anybody being told, as after a failover.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._mode = "forward"
        self._peers: dict[socket.socket, socket.socket] = {}
        self._dead: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def set(self, mode: str) -> None:
        """Change the mode; `refuse` also breaks the connections that stand."""
        with self._lock:
            if self._mode == "forget":
                self._dead |= set(self._peers)
            self._mode = mode
            if mode == "refuse":
                for one in list(self._peers):
                    self._drop(one)

    def close(self) -> None:
        """Stop, and close everything."""
        self._stopped.set()
        self._thread.join(5)
        with self._lock:
            for one in list(self._peers):
                self._drop(one)
        self._listener.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(0.1):
                with self._lock, suppress(OSError):
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._peers:
                        self._forward(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._mode == "refuse":
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=1)
        except OSError:  # the broker is down: its clients are to see that
            client.close()
            return
        server.settimeout(None)
        for one, other in ((client, server), (server, client)):
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, source: socket.socket) -> None:
        try:
            data = source.recv(_CHUNK_BYTES)
        except OSError:
            data = b""
        if not data:
            self._drop(source)
        elif self._mode == "forward" and source not in self._dead:
            self._peers[source].sendall(data)

    def _drop(self, one: socket.socket) -> None:
        for end in (one, self._peers.pop(one, None)):
            if end is not None:
                self._peers.pop(end, None)
                self._dead.discard(end)
                with suppress(KeyError, ValueError):
                    self._selector.unregister(end)
                end.close()


class ProxiedCluster(LocalCluster):
    """A cluster whose processes reach the broker through a proxy."""

    proxy: BrokerProxy

    def _start_valkey(self) -> None:
        super()._start_valkey()
        head, _, port = self.broker_url.removesuffix("/0").rpartition(":")
        self.proxy = BrokerProxy(int(port))
        self.broker_url = f"{head}:{self.proxy.port}/0"

    def stop(self) -> None:
        super().stop()
        if hasattr(self, "proxy"):
            self.proxy.close()
