"""An application that does not stop: commits parent and child rows in WAL mode, and tells how it fared.

A process of its own, because SQLite's locks belong to processes. It waits for no lock (`timeout=0`), so whoever refuses
it even once is found out. Every commit keeps three promises that a torn copy breaks: no child without its parent, a
counter that says how many children there are, and a page in the middle of the file that says the same.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FILLER = b"\x5a" * 1000
MIDDLE = 1000
SCHEMA = """
CREATE TABLE counter(id INTEGER PRIMARY KEY, children INTEGER NOT NULL);
CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL, children INTEGER NOT NULL DEFAULT 0, filler BLOB);
CREATE TABLE child(id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent(id), note TEXT);
CREATE INDEX child_parent ON child(parent_id);
INSERT INTO counter VALUES (1, 0);
"""


def build_database(path: Path, *, megabytes: int, page_bytes: int = 4096) -> None:
    """Make a database of about that size, in WAL mode and at rest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.executescript(SCHEMA)
        rows = ((n, f"parent {n}", FILLER) for n in range(max(2 * MIDDLE, megabytes * 1000)))
        connection.executemany("INSERT INTO parent(id, name, filler) VALUES (?, ?, ?)", rows)
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")


@dataclass(frozen=True, slots=True)
class Fate:
    """How the application fared. Seconds are those of its slowest commit."""

    commits: int
    refused: int
    longest_stall_seconds: float


@contextmanager
def living_application(
    path: Path, *, commits_per_second: float = 200, pragmas: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Run the application until the context is left; `fate` asks it to end before, and tells how it fared."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(path), str(commits_per_second), *pragmas],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def fate(application: subprocess.Popen[str]) -> Fate:
    """Stop the application, and return how it fared."""
    told, _ = application.communicate()
    assert application.returncode == 0, told
    return Fate(**json.loads(told))


def assert_consistent(connection: sqlite3.Connection) -> int:
    """Check all promises of a copy; return how many children there are."""
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    (children,) = connection.execute("SELECT count(*) FROM child").fetchone()
    assert connection.execute("SELECT children FROM counter").fetchall() == [(children,)]
    assert connection.execute("SELECT children FROM parent WHERE id = ?", (MIDDLE,)).fetchall() == [
        (children,)
    ]
    return int(children)


def _commit(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    parent = connection.execute(
        "INSERT INTO parent(name, filler) VALUES (?, ?)", (f"new {number}", FILLER)
    ).lastrowid
    connection.execute("INSERT INTO child(parent_id, note) VALUES (?, ?)", (parent, f"note {number}"))
    connection.execute("UPDATE counter SET children = children + 1")
    connection.execute("UPDATE parent SET children = children + 1 WHERE id = ?", (MIDDLE,))
    connection.execute("COMMIT")


def _live(path: str, commits_per_second: float, pragmas: list[str]) -> Fate:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    for pragma in pragmas:
        if not pragma.startswith("wal_checkpoint"):
            connection.execute(f"PRAGMA {pragma}")
    checkpoints = [f"PRAGMA {pragma}" for pragma in pragmas if pragma.startswith("wal_checkpoint")]
    stop = _when_input_ends()
    commits, refused, longest = 0, 0, 0.0
    due = time.perf_counter()
    while not stop():
        begun = time.perf_counter()
        try:
            _commit(connection, commits)
            commits += 1
        except sqlite3.OperationalError:
            refused += 1
            with suppress(sqlite3.OperationalError):
                connection.execute("ROLLBACK")
        longest = max(longest, time.perf_counter() - begun)
        if commits % 40 == 0:
            for checkpoint in checkpoints:
                with suppress(sqlite3.OperationalError):  # a checkpoint that waits for readers is no commit
                    connection.execute(checkpoint)
        if commits == 3:
            _tell("ready")
        due = max(due + 1 / commits_per_second, time.perf_counter() - 0.05)
        time.sleep(max(0.0, due - time.perf_counter()))
    connection.close()
    return Fate(commits, refused, longest)


def _when_input_ends():
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    return ended.is_set


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    result = _live(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
    _tell(json.dumps({name: getattr(result, name) for name in Fate.__slots__}))
