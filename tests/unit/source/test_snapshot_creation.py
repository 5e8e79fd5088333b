from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import SourceNotFoundError, SourceUnreadableError
from migration.model import Source
from migration.source import database_copy
from migration.source.snapshots.snapshot_creation import Snapshot, take_snapshot

ROWS = [(n, f"row {n}") for n in range(1, 501)]
TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);"


def rows_in(snapshot: Snapshot, table: str = "t") -> int:
    with closing(sqlite3.connect(f"file:{snapshot.path}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


def snap(path: Path | str, folder: Path) -> Snapshot:
    return take_snapshot(Source("app", str(path)), folder)


def test_snapshot_of_a_plain_file_is_byte_identical_and_named_by_its_content(build, folder, untouched):
    path = build(TABLE, {"t": ROWS})
    with untouched(path):
        snapshot = snap(path, folder)
    assert snapshot.path.read_bytes() == path.read_bytes()
    assert snapshot.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert snapshot.path == folder / f"{snapshot.sha256}.sqlite"
    assert snapshot.bytes == path.stat().st_size
    assert snapshot.path.stat().st_mode & 0o222 == 0
    assert list(folder.iterdir()) == [snapshot.path]


def test_the_same_content_is_the_same_snapshot(build, folder):
    path = build(TABLE, {"t": ROWS})
    first = snap(path, folder)
    inode = first.path.stat().st_ino
    assert snap(path, folder) == first
    assert first.path.stat().st_ino == inode


def test_a_snapshot_that_was_cut_off_is_replaced(build, folder):
    path = build(TABLE, {"t": ROWS})
    first = snap(path, folder)
    first.path.chmod(0o644)
    first.path.write_bytes(b"")
    assert rows_in(snap(path, folder)) == len(ROWS)


def test_a_file_url_names_the_same_file(build, folder):
    path = build(TABLE, {"t": ROWS}, name="my app.db")
    snapshot = snap(path.as_uri(), folder)
    assert "%20" in path.as_uri()
    assert rows_in(snapshot) == len(ROWS)


def test_wal_content_is_part_of_the_snapshot_while_the_application_is_open(build, folder, untouched, child):
    path = build(TABLE)
    child(
        "c = sqlite3.connect(path); c.execute('PRAGMA journal_mode = WAL')\n"
        "c.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "c.executemany('INSERT INTO t VALUES (?, ?)', [(n, 'x') for n in range(300)]); c.commit()\n"
        "print('ready', flush=True); sys.stdin.read()",
        path,
    )
    assert path.with_name("app.db-shm").exists()
    with untouched(path):
        snapshot = snap(path, folder)
    assert rows_in(snapshot) == 300
    assert list(folder.iterdir()) == [snapshot.path]
    assert snapshot.path.read_bytes()[18:20] == b"\x01\x01"  # a plain database: nobody needs a log to read it


def test_wal_left_by_a_killed_application_is_recovered_and_left_alone(build, folder, untouched, child):
    path = build(TABLE)
    child(
        "c = sqlite3.connect(path); c.execute('PRAGMA journal_mode = WAL')\n"
        "c.executemany('INSERT INTO t VALUES (?, ?)', [(n, 'x') for n in range(300)]); c.commit()\n"
        "c.execute('INSERT INTO t VALUES (1000, 1)')\n"
        "print('ready', flush=True); sys.stdin.read()",
        path,
    ).kill()
    path.with_name("app.db-shm").unlink()
    with untouched(path):
        snapshot = snap(path, folder)
    assert rows_in(snapshot) == 300


def test_a_database_at_rest_in_wal_mode_leaves_no_trace_beside_it(build, folder, untouched):
    path = build("PRAGMA journal_mode = WAL;" + TABLE, {"t": ROWS})
    assert not path.with_name("app.db-wal").exists()
    with untouched(path):
        assert rows_in(snap(path, folder)) == len(ROWS)


def test_a_hot_journal_is_rolled_back_in_the_copy_only(build, folder, untouched, child):
    path = build(TABLE, {"t": [(n, "before" * 50) for n in range(3000)]})
    child(
        "c = sqlite3.connect(path); c.execute('PRAGMA cache_size = 5')\n"
        "c.execute(\"UPDATE t SET name = 'after' || name\"); c.execute('DELETE FROM t WHERE id > 1000')\n"
        "print('ready', flush=True); sys.stdin.read()",
        path,
    ).kill()
    assert path.with_name("app.db-journal").stat().st_size > 0
    with untouched(path):
        snapshot = snap(path, folder)
    assert rows_in(snapshot) == 3000
    with closing(sqlite3.connect(snapshot.path)) as connection:
        assert connection.execute("SELECT count(*) FROM t WHERE name LIKE 'before%'").fetchone() == (3000,)


def test_a_writer_that_has_not_committed_does_not_disturb(build, folder, untouched, child):
    path = build(TABLE, {"t": ROWS})
    child(
        "c = sqlite3.connect(path); c.execute('DELETE FROM t')\nprint('ready', flush=True); sys.stdin.read()",
        path,
    )
    with untouched(path):
        assert rows_in(snap(path, folder)) == len(ROWS)


def test_the_application_can_write_again_afterwards(build, folder):
    path = build(TABLE, {"t": ROWS})
    snap(path, folder)
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        connection.execute("DELETE FROM t")
        connection.commit()


def test_a_writer_that_commits_without_a_pause_is_waited_for_and_goes_on(build, child):
    path = build(TABLE, {"t": ROWS})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE busy (a, b)")
    # Each commit writes two rows, and all that lies between two of them is a line of Python.
    writer = child(
        "c = sqlite3.connect(path, timeout=60, isolation_level=None); n = 0; print('ready', flush=True)\n"
        "while True:\n"
        "    c.execute('BEGIN IMMEDIATE'); c.execute('INSERT INTO busy VALUES (?, 1)', (n,))\n"
        "    c.execute('INSERT INTO busy VALUES (?, 2)', (n,)); c.execute('COMMIT'); n += 1",
        path,
    )
    seen = []
    for number in range(3):
        copy = path.with_name(f"copy-{number}.db")
        database_copy.copy_database(path, copy, {})
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            seen.append(connection.execute("SELECT count(*) FROM busy").fetchone()[0])
    assert all(rows % 2 == 0 for rows in seen)
    assert seen == sorted(seen)
    assert writer.poll() is None


def test_a_locked_database_is_refused_with_a_remedy(build, folder, child, monkeypatch):
    monkeypatch.setattr(database_copy, "_LOCK_TIMEOUT_SECONDS", 0.1)
    path = build(TABLE, {"t": ROWS})
    child(
        "c = sqlite3.connect(path); c.execute('BEGIN EXCLUSIVE')\nprint('ready', flush=True); sys.stdin.read()",
        path,
    )
    with pytest.raises(SourceUnreadableError, match=r"locked by a writer.*Stop the application"):
        snap(path, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("writes", "is_refused"), [(3, False), (1000, True)])
def test_a_wal_database_that_is_written_to_meanwhile_is_copied_again_or_refused(
    build, folder, monkeypatch, writes, is_refused
):
    monkeypatch.setattr(database_copy, "_PAUSE_SECONDS", 0.01)
    path = build("PRAGMA journal_mode = WAL;" + TABLE, {"t": ROWS})
    copy_open_file = database_copy._copy_open_file
    commits = []
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA locking_mode = EXCLUSIVE")  # no -shm, so there is no mark that could be held
        writer.execute("INSERT INTO t VALUES (1000, 'y')")

        def copy_while_the_application_commits(file, copy):
            copy_open_file(file, copy)
            if len(commits) < writes:
                commits.append(writer.execute("INSERT INTO t VALUES (NULL, 'y')"))

        monkeypatch.setattr(database_copy, "_copy_open_file", copy_while_the_application_commits)
        if is_refused:
            with pytest.raises(SourceUnreadableError, match="is being written to"):
                snap(path, folder)
            assert list(folder.iterdir()) == []
        else:
            assert rows_in(snap(path, folder)) == len(ROWS) + 1 + writes


def test_an_empty_file_is_an_empty_database(tmp_path, folder, untouched):
    path = tmp_path / "source" / "empty.db"
    path.parent.mkdir()
    path.touch()
    with untouched(path):
        snapshot = snap(path, folder)
    assert snapshot.bytes == 0
    with closing(sqlite3.connect(f"file:{snapshot.path}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


@pytest.mark.parametrize(
    "pragma",
    [
        "page_size = 512",
        "page_size = 65536",
        "encoding = 'UTF-16le'",
        "encoding = 'UTF-16be'",
        "auto_vacuum = FULL",
    ],
)
def test_every_kind_of_database_header_is_read(build, folder, pragma):
    path = build(f"PRAGMA {pragma};" + TABLE, {"t": ROWS})
    assert rows_in(snap(path, folder)) == len(ROWS)


def test_a_link_is_followed_to_the_log_beside_the_file(build, folder, tmp_path, child):
    path = build(TABLE)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    child(
        "c = sqlite3.connect(path); c.execute('PRAGMA journal_mode = WAL'); c.execute('INSERT INTO t VALUES (1, 1)')\n"
        "c.commit(); print('ready', flush=True); sys.stdin.read()",
        path,
    )
    assert rows_in(snap(link, folder)) == 1


def nothing_at(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (nothing_at, SourceNotFoundError, "no such file"),
        (lambda path: path.mkdir(), SourceUnreadableError, "directory"),
        (os.mkfifo, SourceUnreadableError, "not a regular file"),
        (lambda path: path.symlink_to(path), SourceNotFoundError, "no such file"),
        (lambda path: path.symlink_to("/nowhere/at/all.db"), SourceNotFoundError, "no such file"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, folder, make, error, message):
    path = tmp_path / "thing.db"
    make(path)
    with pytest.raises(error, match=message) as caught:
        snap(path, folder)
    assert "thing.db" in str(caught.value)
    assert not folder.exists() or not list(folder.iterdir())


def test_a_file_without_permission_is_refused_clearly(build):
    path = build(TABLE)
    path.chmod(0o000)
    # root may read everything, so another user has to try
    code = (
        "import os, sys, tempfile; from pathlib import Path; os.chmod(os.path.dirname(sys.argv[1]), 0o755)\n"
        "from migration.model import Source; from migration.source.snapshots.snapshot_creation import take_snapshot\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "folder = tempfile.mkdtemp()\n"
        "try: take_snapshot(Source('app', sys.argv[1]), Path(folder))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "os.rmdir(folder)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("SourcePermissionError There is no permission to read the file")


def test_a_folder_that_cannot_be_made_is_named(build, tmp_path):
    path = build(TABLE)
    (tmp_path / "file").touch()
    with pytest.raises(SourceUnreadableError, match="folder for snapshots"):
        snap(path, tmp_path / "file" / "below")
