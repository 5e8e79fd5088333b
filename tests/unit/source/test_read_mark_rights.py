"""Whose right it takes to hold the read mark of a living database: that of a reader, and no more."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from migration.source.read_mark import Refusal
from tests.support.wal_application import INSERT, TABLE, Application, sums


@pytest.fixture
def open_to_all(child):
    """A database of a living application in a folder that everybody may look into, and nobody else may write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "app.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript("PRAGMA journal_mode = WAL;" + TABLE)
        application = Application(child(Application.CODE, path))
        application.do(INSERT, INSERT, "SELECT count(*) FROM t")
        yield path
        application.end()


def held_by_nobody(path: Path) -> list[str]:
    """Hold the mark for a moment as a user who owns nothing; return what the holder says."""
    code = (
        "import os, sys; from migration.source.read_mark_holder import main\n"
        "os.setgid(65534); os.setuid(65534); main(sys.argv[1], sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], input="", capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_user_who_may_only_read_holds_the_mark(open_to_all):
    before = sums(open_to_all)
    kind, _, inode, frames, *_ = held_by_nobody(open_to_all)
    assert (kind, int(inode), int(frames) > 0) == ("held", open_to_all.stat().st_ino, True)
    assert sums(open_to_all) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_user_who_may_not_read_the_index_is_told_so(open_to_all):
    open_to_all.with_name("app.db-shm").chmod(0o600)
    kind, reason = held_by_nobody(open_to_all)
    assert (kind, Refusal(reason).help) == ("refused", "Give this user the right to read that file")
