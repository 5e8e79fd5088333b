"""A TCP proxy that cuts what passes through it: at once, or after so many bytes of answers."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_PIECE_BYTES = 65_536


class CutProxy:
    """Forwards from `host`, at a port of its own, to 127.0.0.1:`port`.

    `mode` is forward, swallow (connections live, nothing passes) or refuse. `answered` counts bytes of answers.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._budget: int | None = None
        self._afterwards = "forward"
        self.mode = "forward"
        self.answered = 0
        self.connections = 0
        self._listener = socket.create_server((host, 0))
        self.address = f"{host}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def set(self, mode: str) -> None:
        """Change the mode; `refuse` also breaks the connections that stand."""
        with self._lock:
            self._change(mode)

    def cut_after(self, answered_bytes: int, mode: str) -> None:
        """Change the mode once so many more bytes of answers have passed."""
        with self._lock:
            self._budget, self._afterwards = answered_bytes, mode

    def close(self) -> None:
        """Stop, and close everything."""
        self.set("refuse")
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _change(self, mode: str) -> None:
        self.mode = mode
        if mode == "refuse":
            for one in list(self._open):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self.connections += 1
                self._open |= {client, server}
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, answers), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                if self.mode == "forward":
                    sink.sendall(self._allowed(piece) if answers else piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if answers:
            with self._lock:
                self._open -= {source, sink}
            source.close()
            sink.close()

    def _allowed(self, piece: bytes) -> bytes:
        """Return what may still pass, and change the mode where that is the last."""
        with self._lock:
            if self._budget is not None:
                piece = piece[: self._budget]
                self._budget -= len(piece)
                if self._budget == 0:
                    self._budget = None
                    self._change(self._afterwards)
            self.answered += len(piece)
            return piece
