"""A real application with both its databases, and Convoy between them: what each test of an application tells."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from migration.applications.profile_reader import find_profile
from tests.support.shell import Shell

_COMMAND_SECONDS = 600
_KEPT_NAMES = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE"}


@dataclass
class ApplicationRun:
    """One application between two empty databases. `environment`: where its programs are; `folder`: where it works."""

    environment: Path
    folder: Path
    target_url: str
    variables: dict[str, str] = field(default_factory=dict)
    """What every command of the application finds in its environment."""

    @property
    def shell(self) -> Shell:
        """Convoy's command line, with this target."""
        return Shell(self.folder, self.target_url)

    def sqlalchemy_url(self, driver: str) -> str:
        """Return the URL of the target for SQLAlchemy with a driver: `psycopg2`, `asyncpg`."""
        return self.target_url.replace("postgresql://", f"postgresql+{driver}://", 1)

    def command(
        self, *words: str | Path, also: Mapping[str, str] | None = None, given: str | None = None
    ) -> str:
        """Run a command in the application's own environment, and return what it prints; it has to succeed."""
        program, *rest = (str(word) for word in words)
        done = subprocess.run(
            [self.program(program), *rest],
            cwd=self.folder,
            env=self._variables(also),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise AssertionError(
                f"{words} ended with {done.returncode}:\n{done.stdout[-3000:]}\n"
                f"{done.stderr[:2000]}\n{done.stderr[-4000:]}"
            )
        return done.stdout

    def answer(self, *words: str | Path, also: Mapping[str, str] | None = None) -> Any:
        """Run a command as `command` does, and return the JSON of the last line that it prints."""
        return json.loads(self.command(*words, also=also).strip().splitlines()[-1])

    @contextmanager
    def server(
        self, *words: str | Path, ready: Callable[[], bool], also: Mapping[str, str] | None = None,
        seconds: float = 120,
    ) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
        """Keep a server of the application running until it answers, and then for the block; stopped by its pid."""
        program, *rest = (str(word) for word in words)
        log = self.folder / f"{Path(program).name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [self.program(program), *rest], cwd=self.folder, env=self._variables(also),
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            deadline = time.monotonic() + seconds
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(
                        f"{words} does not answer:\n{log.read_text(errors='replace')[-6000:]}"
                    )
                time.sleep(0.2)
            yield process
        finally:
            _stop(process)

    def program(self, name: str) -> str:
        """Return the path of a program of the environment; of the machine, where it has none of this name."""
        for place in ("bin", "node_modules/.bin", "usr/bin", "usr/sbin", "sbin"):
            found = self.environment / place / name
            if found.exists():
                return str(found)
        return name

    def _variables(self, also: Mapping[str, str] | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT_NAMES}
        path = f"{self.environment / 'bin'}:{kept.get('PATH', '')}"
        return {**kept, "PATH": path, **self.variables, **(also or {})}

    def migrate(self, source: Path, *flags: str, app: str | None = None) -> dict[str, Any]:
        """Dry-run, migrate and validate as the page of the profile says; return the report of the migration.

        All three have to end with status 0, no row apart, and the questions of the profile answered alike.
        """
        line = ["--source", str(source), *flags]
        if app is not None:
            line += ["--app", app, *find_profile(app).profile.arguments.split()]
            self.ask(app, source, "before")
        self._convoy("dry-run", *line)
        report = self._convoy("migrate", *line)
        assert report["status"] == "completed", report["findings"]
        assert report["quarantine"]["total"] == 0
        validated = [word for word in line if word not in {"--if-exists", "replace"}]
        self._convoy("validate", *validated)
        if app is not None:
            self.ask(app, source, "after")
        return report

    def _convoy(self, command: str, *line: str) -> dict[str, Any]:
        status, out, err = self.shell.run(command, *line, "--json")
        report: dict[str, Any] = json.loads(out) if out.strip() else {}
        if status != 0:
            told = {name: report.get(name) for name in ("findings", "quarantine", "transforms", "losses")}
            told["unequal"] = [t["name"] for t in report.get("tables", ()) if t.get("equal") is False]
            words = json.dumps(told, indent=1, ensure_ascii=False)
            raise AssertionError(
                f"migration-cli {command} {' '.join(line)}: {status}\n{words[:12000]}\n{err[-6000:]}"
            )
        return report

    def ask(self, app: str, source: Path, when: str) -> None:
        """Ask both sides what the profile says; the answers have to be the same, and at least one has to be there."""
        checks = getattr(find_profile(app).profile, when)
        with closing(sqlite3.connect(source)) as ours, psycopg.connect(self.target_url) as theirs:
            for check in checks:
                answer = theirs.execute(check.target_sql.encode()).fetchall()
                assert ours.execute(check.source).fetchall() == answer, f"{app}: {check.what}"
                assert answer, check.what


def free_port(*, with_the_next: bool = False) -> int:
    """Return a port that is free now; `with_the_next`: and so is the one after it."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                if with_the_next:
                    other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two ports beside each other are free")


def answers(url: str) -> bool:
    """Whether a server answers at a URL, with success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(200 <= answer.status < 300)
    except OSError:
        return False


def part_of_url(url: str, name: str) -> str:
    """Return a part of a libpq URL: `host`, `dbname`, `user`, `port`."""
    found = psycopg.conninfo.conninfo_to_dict(url).get(name)
    return "" if found is None else str(found)


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Say where two answers of an application differ; `place` is the way to it."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found = [f"{place}.{key}: only on one side" for key in before.keys() ^ after.keys()]
        for key in before.keys() & after.keys():
            found += differences(before[key], after[key], f"{place}.{key}")
        return found
    if _is_list(before) and _is_list(after):
        found = [] if len(before) == len(after) else [f"{place}: {len(before)} and {len(after)} long"]
        for number, (ours, theirs) in enumerate(zip(before, after, strict=False)):
            found += differences(ours, theirs, f"{place}[{number}]")
        return found
    return [] if repr(before) == repr(after) else [f"{place}: {before!r} and {after!r}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def table_report(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a report says of one table."""
    return next(table for table in report["tables"] if table["name"] == name)


def version_in(packages: Sequence[str], name: str) -> str:
    """Return the version that a package is pinned to: `Django==5.2.1` gives 5.2.1, `typeorm@0.3.1` gives 0.3.1."""
    for package in packages:
        found = re.fullmatch(rf"{re.escape(name)}(?:\[[^]]*\])?(?:==|@|=)(.+)", package)
        if found:
            return found[1]
    raise AssertionError(f"{name} is not pinned")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                continue
    process.wait(timeout=1)
