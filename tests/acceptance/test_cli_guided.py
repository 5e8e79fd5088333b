"""`migration-cli` alone, at a terminal: questions, a dry-run, a migration; Ctrl-C at any of them leaves nothing."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.shell import CLI, make_database

SECONDS = 90


class Terminal:
    """A process that believes to have a person before it."""

    def __init__(self, folder: Path) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "PG"))
        }
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            CLI,
            cwd=folder,
            env=environment | {"HOME": str(folder), "TERM": "dumb", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = ""

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + SECONDS
        while words not in self.said:
            if not select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
                pytest.fail(f"{words!r} was never said:\n{self.said}")
            try:
                more = os.read(self._ours, 65_536)
            except OSError:
                more = b""
            if not more:
                pytest.fail(f"{words!r} was never said:\n{self.said}")
            self.said += more.decode(errors="replace")

    def answer(self, words: str) -> None:
        self.said = ""
        os.write(self._ours, words.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C, and again where nothing comes of it.

        One that comes between a question and the waiting for its answer is seen at the next key only: Python looks for
        signals before it reads, and is not woken by them until it does.
        """
        while self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
            if select.select([self._ours], [], [], 5)[0]:
                return

    def end(self) -> int:
        """Read to the end and return the exit status."""
        with suppress(OSError):
            while more := os.read(self._ours, 65_536):
                self.said += more.decode(errors="replace")
        return self.process.wait(SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as name:
        make_database(Path(name) / "small.db", rows=3)
        make_database(Path(name) / "shop.db", rows=300)
        yield Path(name)


@pytest.fixture
def terminal(folder: Path) -> Iterator[Terminal]:
    opened = Terminal(folder)
    try:
        yield opened
    finally:
        opened.close()


def test_questions_lead_to_a_proof_and_a_typing_error_is_told_beside_its_question(
    folder: Path, terminal: Terminal
) -> None:
    terminal.wait_for("Which SQLite file")
    assert terminal.said.index("1  shop.db") < terminal.said.index("2  small.db"), "the largest first"
    terminal.answer("none.db")
    terminal.wait_for("Which SQLite file")
    assert "none.db" in terminal.said
    terminal.answer("1")
    terminal.wait_for("Into which PostgreSQL")
    terminal.answer("mysql://localhost/x")
    terminal.wait_for("Into which PostgreSQL")
    assert "not a URL of PostgreSQL" in terminal.said
    terminal.answer("")
    terminal.wait_for("Migrate now?")
    assert "$ migration-cli dry-run --source shop.db --target-url embedded --target-db shop" in terminal.said
    terminal.answer("y")

    assert terminal.end() == 0
    assert "Proved: 302 rows in 2 tables" in terminal.said
    assert (folder / ".convoy" / "postgres").exists()


def test_no_at_the_last_question_leaves_nothing(folder: Path, terminal: Terminal) -> None:
    terminal.wait_for("Which SQLite file")
    terminal.answer("2")
    terminal.wait_for("Into which PostgreSQL")
    terminal.answer("embedded")
    terminal.wait_for("Migrate now?")
    terminal.answer("n")

    assert terminal.end() == 0
    assert "To migrate later: migration-cli migrate --source small.db" in terminal.said
    assert sorted(path.name for path in folder.iterdir()) == ["shop.db", "small.db"]


@pytest.mark.parametrize("question", ["Which SQLite file", "Into which PostgreSQL", "Migrate now?"])
def test_an_interrupt_at_any_question_leaves_nothing(folder: Path, terminal: Terminal, question: str) -> None:
    for asked, words in (
        ("Which SQLite file", "1"),
        ("Into which PostgreSQL", "embedded"),
        ("Migrate now?", ""),
    ):
        terminal.wait_for(asked)
        if asked == question:
            break
        terminal.answer(words)
    terminal.interrupt()

    assert terminal.end() == 130
    assert "Interrupted" in terminal.said
    assert sorted(path.name for path in folder.iterdir()) == ["shop.db", "small.db"]


def test_without_a_terminal_it_is_the_help(folder: Path) -> None:
    done = subprocess.run(
        CLI,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert "Usage: migration-cli" in done.stdout + done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["shop.db", "small.db"]
