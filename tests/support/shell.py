"""migration-cli as real processes, for tests."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg

CLI = [sys.executable, "-c", "import sys; from producer.cli import main; sys.exit(main())"]
PATIENCE_SECONDS = 120


class Shell:
    """Runs migration-cli in a folder of its own, on one target."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        self.target = target
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "PG"))
        }
        self.environment["MIGRATION_TARGET_URL"] = target

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*CLI, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"migration-cli {arguments} hangs:\n{out}\n{err}") from None
        assert "nanobind" not in err, (
            "a library complains at the end of the process, to somebody who cannot help it"
        )
        return process.returncode, out, err

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.target) as connection:
            return connection.execute(statement).fetchall()

    def execute(self, statements: str) -> None:
        with psycopg.connect(self.target) as connection:
            connection.execute(statements.encode())


def make_database(path: Path, rows: int = 300) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE author (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
            CREATE TABLE book (
                id INTEGER PRIMARY KEY, author_id INTEGER REFERENCES author (id), title TEXT, price NUMERIC);
            CREATE INDEX book_author ON book (author_id);
            INSERT INTO author VALUES (1, 'Ada'), (2, 'Grace');
            """
        )
        connection.executemany(
            "INSERT INTO book VALUES (?, ?, ?, ?)",
            (
                (number, number % 2 + 1, f"Title {number} " + "x" * 50, number / 4)
                for number in range(1, rows + 1)
            ),
        )
        connection.commit()
    return path


def session_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the pids of all processes that the command has started: the supervisor is its child."""
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
