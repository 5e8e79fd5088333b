"""Starts processes on request and stops all of them when its standard input ends.

It is a program of its own (`SupervisorClient` runs it by its path), in a session of its own, so that neither Ctrl-C
nor the death of the command that started it reaches it. That command holds the only write end of the pipe on standard
input: however the command ends, by itself, by an exception or by SIGKILL, the pipe closes, and everything stops.
The supervisor is the parent of what it starts, so no process can slip through between its start and its registration.

Requests and answers are lines of JSON. Only the standard library is imported: it starts in some 20 ms.

Programs that need the same libraries may be forked by a fork server, a process that has imported them once
(celery_process.py). On Linux the supervisor becomes their parent all the same, as a subreaper; elsewhere there is
no fork server.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

_POLL_SECONDS = 0.002
_KILL_SECONDS = 5.0
_FORK_SECONDS = 20.0
_PR_SET_CHILD_SUBREAPER = 36


class ForkServer:
    """A process that forks others on request; they become children of this process."""

    def __init__(self, spec: dict[str, Any]) -> None:
        with Path(spec["log"]).open("ab") as log:
            self._process = subprocess.Popen(
                spec["argv"],
                env=spec["env"],
                cwd=spec["cwd"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def fork(self, spec: dict[str, Any]) -> int | None:
        """Return the pid of a process that does what `spec` says; None where the fork server cannot; it ends then."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or self._process.poll() is not None:
            return None
        answer = b""
        with contextlib.suppress(OSError):
            stdin.write(json.dumps(spec).encode() + b"\n")
            stdin.flush()
            if select.select([stdout], [], [], _FORK_SECONDS)[0]:
                answer = stdout.readline()
        answer = answer or self.close()  # a process that it has forked in spite of all must not be lost
        return int(answer) if answer.strip().isdigit() else None

    def close(self) -> bytes:
        """End the fork server and return what it still had to say; what it has forked lives on."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError, ValueError):  # closed already
            return self._process.communicate()[0]
        return b""


def _become_subreaper() -> bool:
    """Ask Linux to make this process the parent of orphans below it (prctl(2))."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


class Child:
    """A process to stop later: one that was started here, or a server that already ran (`pid_file`)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.name: str = spec["name"]
        self.stage: int = spec["stage"]
        self.stop_plan: list[tuple[int, float]] = [(int(s), float(t)) for s, t in spec["stop"]]
        self.lock: str | None = spec.get("lock")
        self.pid_file: str | None = spec.get("pid_file")
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0
        self._is_forked = False
        self._forked_status: int | None = None
        self._shared: int | None = None
        self._mutex: int | None = None
        self._deadline = 0.0

    def start(self, spec: dict[str, Any], fork_server: ForkServer | None) -> None:
        """Start the process, in its own session, with its output in a file."""
        if fork_server is not None and spec.get("fork") is not None:
            forked = fork_server.fork({name: spec[name] for name in ("fork", "env", "cwd", "log")})
            if forked is not None:
                self.pid, self._is_forked = forked, True
                return
        user = spec.get("user")
        who: dict[str, Any] = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
        with Path(spec["log"]).open("ab") as log:
            self.process = subprocess.Popen(
                spec["argv"],
                env=spec["env"],
                cwd=spec["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **who,
            )
        self.pid = self.process.pid

    def adopt(self) -> None:
        """Take over the duty to stop a server that somebody else started."""
        self.pid = self._recorded_pid() or 0

    def share(self) -> None:
        """Say that this server is in use, to everybody who would stop it."""
        if self.lock is not None:
            self._shared = os.open(f"{self.lock}.users", os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._shared, fcntl.LOCK_SH)

    def may_stop(self) -> bool:
        """Whether nobody else uses the server; keeps newcomers out until `release`."""
        if self.lock is None:
            return True
        self._mutex = os.open(f"{self.lock}.start", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._mutex, fcntl.LOCK_EX)
        if self._shared is None:
            return True
        fcntl.flock(self._shared, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self.pid = self._recorded_pid() or self.pid
        return True

    def release(self) -> None:
        """Give back the locks."""
        for descriptor in (self._shared, self._mutex):
            if descriptor is not None:
                os.close(descriptor)
        self._shared = self._mutex = None

    def exit_status(self) -> int | None:
        """Exit status of a process that has ended; None while it runs. 0 for a foreign one that is gone."""
        if self._is_forked:
            return self._poll_forked()
        if self.process is not None and self.process.pid == self.pid:
            return self.process.poll()
        return None if self.pid and _alive(self.pid) else 0

    def escalate(self, now: float) -> None:
        """Send the next signal of the plan once the last one had its time; SIGKILL when the plan is done."""
        if now < self._deadline:
            return
        if self.stop_plan:
            number, seconds = self.stop_plan.pop(0)
        else:
            number, seconds = int(signal.SIGKILL), _KILL_SECONDS
            self.kill_group()
        self._deadline = now + seconds
        with contextlib.suppress(OSError):
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill what the process may have left in its session."""
        leader = self.pid if self._is_forked else self.process and self.process.pid
        if leader:
            with contextlib.suppress(OSError):
                os.killpg(leader, signal.SIGKILL)

    def _poll_forked(self) -> int | None:
        if self._forked_status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self._forked_status = os.waitstatus_to_exitcode(status)
        return self._forked_status

    def _recorded_pid(self) -> int | None:
        try:
            return int(Path(self.pid_file or "").read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            return None


def _alive(pid: int) -> bool:
    """Whether a process that is not a child of this one still runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def stop_together(children: list[Child]) -> None:
    """Stop children at the same time, each by its own plan."""
    waiting = [child for child in children if child.may_stop()]
    give_up = time.monotonic() + _KILL_SECONDS + sum(s for child in waiting for _, s in child.stop_plan)
    while waiting and time.monotonic() < give_up:
        for child in list(waiting):
            if child.exit_status() is None:
                child.escalate(time.monotonic())
            else:
                child.kill_group()
                waiting.remove(child)
        time.sleep(_POLL_SECONDS)
    for child in children:
        child.release()


class Supervisor:
    """The children, and what can be asked about them."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self.fork_server: ForkServer | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one line asks for."""
        action, name = request["action"], request.get("name", "")
        if action == "start":
            return self._take(Child(request), request)
        if action == "adopt":
            return self._take(Child(request), None)
        if action in {"fork server", "no fork server"}:
            self._change_fork_server(request if action == "fork server" else None)
            return {}
        if action == "hasten":
            for child in self.children.values():
                if child.stage == request["stage"]:
                    child.stop_plan = []
            self._stop_stage(request["stage"])
            return {}
        if action == "exits":
            statuses = {name: child.exit_status() for name, child in self.children.items()}
            return {"exits": {name: status for name, status in statuses.items() if status is not None}}
        gone = self.children.pop(name, None)
        if gone is not None:
            stop_together([gone])
        return {}

    def _take(self, child: Child, start: dict[str, Any] | None) -> dict[str, Any]:
        replaced = self.children.pop(child.name, None)
        if replaced is not None:
            replaced.kill_group()
            replaced.release()
        if start is None:
            child.adopt()
        else:
            child.start(start, self.fork_server)
        self.children[child.name] = child
        child.share()
        return {"pid": child.pid}

    def stop_all(self) -> None:
        """Stop the highest stage first: workers before the servers that they talk to."""
        self._change_fork_server(None)
        for stage in sorted({child.stage for child in self.children.values()}, reverse=True):
            self._stop_stage(stage)

    def _stop_stage(self, stage: int) -> None:
        stopping = {name: child for name, child in self.children.items() if child.stage == stage}
        stop_together(list(stopping.values()))
        for name in stopping:
            del self.children[name]

    def _change_fork_server(self, spec: dict[str, Any] | None) -> None:
        if self.fork_server is not None:
            self.fork_server.close()
            self.fork_server = None
        if spec is not None and _become_subreaper():
            self.fork_server = ForkServer(spec)


def _terminate(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _own(folder: Path) -> int:
    """Take a folder as migration/owned_folders.py does, of which this program imports nothing: it runs as a file."""
    descriptor = os.open(folder / ".owner", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, os.fsencode(socket.gethostname()))
    return descriptor


def main() -> None:
    """Serve requests until standard input ends; then stop everything and remove the folder given as argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    supervisor = Supervisor()
    # As long as this process lives, and what it has started, nobody removes its folders.
    owned = [_own(Path(folder)) for folder in sys.argv[1:]]
    try:
        for line in sys.stdin.buffer:
            request = json.loads(line)
            try:
                answer = supervisor.answer(request)
            except (OSError, ValueError) as error:
                answer = {"error": str(error)}
            answer["id"] = request["id"]
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # the command is gone: the same as the end of its pipe
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        supervisor.stop_all()
        for folder in sys.argv[1:]:
            shutil.rmtree(folder, ignore_errors=True)
        for lock in owned:
            os.close(lock)
        with contextlib.suppress(OSError):
            sys.stdout.close()


if __name__ == "__main__":
    main()
