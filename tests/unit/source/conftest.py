"""Small databases with the oddities that users bring, and proof that a source was not touched."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Make a database in a folder of its own: build(script, rows={table: [tuples]}, pragma=...)."""

    def make(script: str = "", rows: dict[str, Sequence[tuple]] | None = None, name: str = "app.db") -> Path:
        path = tmp_path / "source" / name
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
            for table, values in (rows or {}).items():
                marks = ", ".join("?" * len(values[0]))
                connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)
            connection.commit()
        return path

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where snapshots go."""
    return tmp_path / "snapshots"


@pytest.fixture
def untouched() -> Callable[[Path], object]:
    """A context that fails if anything in the folder of a file has changed: names, bytes, times, modes."""

    def state(path: Path) -> dict[str, tuple]:
        files = {
            entry.name: (
                entry.stat().st_mtime_ns,
                entry.stat().st_mode,
                hashlib.sha256(entry.read_bytes()).hexdigest(),
            )
            for entry in path.parent.iterdir()
            if entry.is_file()
        }
        return {".": (path.parent.stat().st_mtime_ns,), **files}

    @contextmanager
    def check(path: Path) -> Iterator[None]:
        before = state(path)
        yield
        assert state(path) == before

    return check


@pytest.fixture
def child() -> Iterator[Callable[[str, Path], subprocess.Popen]]:
    """Run Python code with a database path in another process until it says "ready"; killed at the end.

    Another process, because SQLite's locks belong to processes.
    """
    started: list[subprocess.Popen] = []

    def start(code: str, path: Path) -> subprocess.Popen:
        prelude = "import sqlite3, sys, time\npath = sys.argv[1]\n"
        process = subprocess.Popen(
            [sys.executable, "-c", prelude + code, str(path)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
