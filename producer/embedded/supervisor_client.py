"""The command's side of the supervisor: asks it to start processes and to stop them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migration.errors import LocalClusterError
from producer.embedded import process_supervisor

_STOP_SECONDS = 90.0
_TAIL_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Program:
    """A process to start and how to stop it.

    `stop` holds signals with the seconds that each is given before the next; SIGKILL to the whole session follows.
    Programs of a higher `stage` stop first. `lock` is the stem of the lock files of a server that several commands
    share; it is left running while another one uses it. `pid_file` names the file that the server keeps its pid in.
    `fork` holds what the fork server is to run instead of `argv`, where there is a fork server.
    """

    name: str
    argv: Sequence[str]
    log: Path
    cwd: Path = Path("/")
    env: Mapping[str, str] | None = None
    user: tuple[int, int] | None = None
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    stage: int = 0
    lock: Path | None = None
    pid_file: Path | None = None
    fork: Sequence[str] | None = None

    def _duty(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "stop": [(int(number), seconds) for number, seconds in self.stop],
            "stage": self.stage,
            "lock": None if self.lock is None else str(self.lock),
            "pid_file": None if self.pid_file is None else str(self.pid_file),
        }

    def start_request(self) -> dict[str, Any]:
        """Return the line that asks the supervisor to start this program."""
        return self._duty() | {
            "action": "start",
            "argv": list(self.argv),
            "env": dict(os.environ if self.env is None else self.env),
            "cwd": str(self.cwd),
            "log": str(self.log),
            "user": self.user,
            "fork": None if self.fork is None else list(self.fork),
        }

    def adopt_request(self) -> dict[str, Any]:
        """Return the line that asks the supervisor to stop this program later, though it already runs."""
        return self._duty() | {"action": "adopt"}


@dataclass
class SupervisorClient:
    """A supervisor process and its pipes. `remove` is deleted after everything has stopped."""

    remove: Path | None = None
    pids: dict[str, int] = field(default_factory=dict)
    """Process ids of what runs, by name."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = 0
        self._first_signals: dict[str, int] = {}
        self._process = subprocess.Popen(
            # -I -S: neither the user's folder nor any site package can get in the way of cleaning up.
            [
                sys.executable,
                "-I",
                "-S",
                process_supervisor.__file__,
                *([str(self.remove)] if self.remove else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def start(self, program: Program) -> int:
        """Start a program and return its pid.

        Raises:
            ConvoyError: the program could not be started.
        """
        pid = int(self._ask(program.start_request(), program.name)["pid"])
        self.pids[program.name] = pid
        self._first_signals[program.name] = int(program.stop[0][0])
        return pid

    def open_fork_server(self, program: Program) -> None:
        """Let a process import libraries from now on, to fork programs that need them; nothing where it cannot be."""
        self._ask(program.start_request() | {"action": "fork server"}, program.name)

    def close_fork_server(self) -> None:
        """End the fork server; what it has forked lives on."""
        self._ask({"action": "no fork server"}, "")

    def stop_stage_at_once(self, stage: int, *, wait: bool = True) -> None:
        """Kill the programs of a stage that have nothing left to do, and wait until they are gone if asked to."""
        request = {"action": "hasten", "stage": stage}
        if wait:
            self._ask(request, "")
        else:
            with self._lock:
                self._send(request, "")  # whoever asks next passes over the answer

    def adopt(self, program: Program) -> None:
        """Take over stopping a server that already runs, once nobody else uses it."""
        self.pids[program.name] = int(self._ask(program.adopt_request(), program.name)["pid"])

    def exits(self) -> dict[str, int]:
        """Return the exit status of each program that has ended (negative: the signal that ended it)."""
        return dict(self._ask({"action": "exits"}, "")["exits"])

    def stop(self, name: str) -> None:
        """Stop one program and wait until it is gone."""
        self._ask({"action": "stop", "name": name}, name)
        self.pids.pop(name, None)

    def close(self) -> None:
        """Stop everything and wait until it is gone. May be called twice."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is not None:
            with contextlib.suppress(OSError):
                stdin.close()
        if stdout is not None and not stdout.closed:
            with self._lock, contextlib.suppress(OSError, ValueError):
                # It says its last word when everything is gone: a wake-up, where `wait` with a time limit polls.
                while select.select([stdout], [], [], _STOP_SECONDS)[0] and os.read(
                    stdout.fileno(), _TAIL_BYTES
                ):
                    pass
                stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_STOP_SECONDS)
        if (self._process.returncode or 0) < 0:  # somebody killed the supervisor: what it started lives on
            for name, number in self._first_signals.items():
                if name in self.pids:
                    with contextlib.suppress(OSError):
                        os.kill(self.pids[name], number)
        self.pids.clear()

    def _ask(self, request: dict[str, Any], name: str) -> dict[str, Any]:
        with self._lock:
            number = self._send(request, name)
            answer: dict[str, Any] = {}
            try:
                while answer.get("id") != number:  # an interrupted request leaves its answer behind
                    answer = json.loads(self._process.stdout.readline() if self._process.stdout else "")
            except (OSError, ValueError) as error:
                raise _died(name) from error
        if "error" in answer:
            raise LocalClusterError(f"Cannot start {name}: {answer['error']}", process=name)
        return answer

    def _send(self, request: dict[str, Any], name: str) -> int:
        """Send a request, and return the number that its answer will have; the caller holds the lock."""
        self._sent += 1
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise LocalClusterError("The local cluster has been stopped", process=name)
        try:
            stdin.write(json.dumps(request | {"id": self._sent}).encode() + b"\n")
            stdin.flush()
        except (OSError, ValueError) as error:
            raise _died(name) from error
        return self._sent


def _died(name: str) -> LocalClusterError:
    return LocalClusterError(
        "The supervisor of the local servers has died", process=name, remedy="Start the command again"
    )


def tail(log: Path) -> str:
    """Return the last lines of a log file, for an error message; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-20:])
