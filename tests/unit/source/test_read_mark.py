"""What another world does to a database in WAL mode while its mark is held, one moment at a time."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from migration.errors import SourceCorruptError, SourceLockedError
from migration.source import database_copy, read_mark
from migration.source.database_copy import copy_database
from migration.source.read_mark import MarkRefusedError, Refusal, hold_read_mark

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, filler BLOB);"
ROWS = [(n, f"row {n}", b"f" * 300) for n in range(1, 2001)]
INSERT = "INSERT INTO t(name, filler) VALUES ('new', zeroblob(300))"
UPDATE = "UPDATE t SET name = 'changed'"


class Application:
    """A process that has a database open and does one statement at a time."""

    CODE = (
        "c = sqlite3.connect(path, isolation_level=None, timeout=0)\n"
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "print('ready', flush=True)\n"
        "for line in iter(sys.stdin.readline, 'end\\n'): print(c.execute(line).fetchall(), flush=True)\n"
        "c.close(); print('closed', flush=True)\n"
    )

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def do(self, *statements: str) -> str:
        answer = ""
        for statement in statements:
            self.process.stdin.write(statement + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            assert answer, statement
        return answer

    def end(self) -> None:
        assert self.do("end") == "closed\n"
        self.process.wait()


@pytest.fixture
def database(build) -> Path:
    return build("PRAGMA journal_mode = WAL;" + TABLE, {"t": ROWS})


@pytest.fixture
def application(database, child) -> Application:
    """Has committed twice, and read since, so that there is a log, and a mark in it."""
    running = Application(child(Application.CODE, database))
    running.do(INSERT, INSERT, "SELECT count(*) FROM t")
    return running


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something between the copy of one file and that of the next: meanwhile(suffix, function), before that file."""
    copy_start = database_copy._copy_start
    events = {}

    def copy(file, target, most_bytes):
        suffix = Path(file.name).name.removeprefix("app.db")
        if suffix in events:
            events.pop(suffix)()
        copy_start(file, target, most_bytes)

    monkeypatch.setattr(database_copy, "_copy_start", copy)
    return events.__setitem__


@pytest.fixture
def only_by_mark(monkeypatch):
    monkeypatch.setattr(database_copy, "_ATTEMPTS", 1)
    monkeypatch.setattr(database_copy, "_copy_once", lambda *_: pytest.fail("The mark was not held"))


def names_in(copy: Path) -> dict[str, int]:
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(connection.execute("SELECT substr(name, 1, 3), count(*) FROM t GROUP BY 1").fetchall())


def copied(source: Path) -> dict[str, int]:
    copy = source.parent.parent / "copy.db"
    copy_database(source, copy, {})
    assert [path.name for path in copy.parent.glob("copy.db*")] == ["copy.db"]
    return names_in(copy)


def sums(path: Path) -> dict[str, str]:
    return {entry.name: hashlib.sha256(entry.read_bytes()).hexdigest() for entry in path.parent.iterdir()}


@pytest.mark.usefixtures("only_by_mark", "application")
def test_not_a_byte_changes_beside_an_application_that_rests(database, untouched):
    with untouched(database):
        assert copied(database) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("only_by_mark")
def test_a_checkpoint_stops_at_the_mark(database, application, meanwhile):
    def checkpoint() -> None:
        application.do(UPDATE)
        busy, log, done = eval(application.do("PRAGMA wal_checkpoint(PASSIVE)"))[0]  # noqa: S307 - our own child
        assert (busy, done < log) == (0, True)

    meanwhile("", checkpoint)
    assert copied(database) == {"row": 2000, "new": 2}
    busy, log, done = eval(application.do("PRAGMA wal_checkpoint(PASSIVE)"))[0]  # noqa: S307 - our own child
    assert (busy, done) == (0, log)


@pytest.mark.usefixtures("only_by_mark")
@pytest.mark.parametrize("mode", ["RESTART", "TRUNCATE"])
def test_a_log_that_is_needed_does_not_begin_anew(database, application, meanwhile, mode):
    meanwhile("", lambda: application.do(f"PRAGMA wal_checkpoint({mode})", UPDATE, UPDATE))
    assert copied(database) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("only_by_mark")
@pytest.mark.parametrize("suffix", ["-wal", ""])
@pytest.mark.parametrize("mode", ["PASSIVE", "RESTART", "TRUNCATE"])
def test_a_log_that_is_in_the_file_already_may_begin_anew(database, application, meanwhile, mode, suffix):
    application.do("PRAGMA wal_checkpoint(PASSIVE)")
    begun = database.with_name("app.db-wal").read_bytes()[:32]
    meanwhile(suffix, lambda: application.do(f"PRAGMA wal_checkpoint({mode})", UPDATE, "SELECT 1 FROM t"))
    assert copied(database) == {"row": 2000, "new": 2}
    assert database.with_name("app.db-wal").read_bytes()[:32] != begun


@pytest.mark.usefixtures("only_by_mark")
def test_a_log_that_begins_anew_right_after_the_mark_goes_on_from_the_file(
    database, application, monkeypatch
):
    application.do("PRAGMA wal_checkpoint(PASSIVE)")
    hold = database_copy.hold_read_mark

    @contextmanager
    def hold_and_look_late(source):
        with hold(source) as mark:
            application.do(UPDATE, INSERT)
            mark.index = mark.look()
            yield mark

    monkeypatch.setattr(database_copy, "hold_read_mark", hold_and_look_late)
    assert copied(database) == {"cha": 2002, "new": 1}


@pytest.mark.usefixtures("only_by_mark")
def test_an_empty_log_is_one(database, child):
    Application(child(Application.CODE, database)).do("SELECT 1 FROM t")
    assert copied(database) == {"row": 2000}


@pytest.mark.usefixtures("only_by_mark")
def test_what_a_long_transaction_has_written_to_the_log_is_left_there(database, application):
    application.do("PRAGMA cache_size = 5", "BEGIN", UPDATE)
    assert database.with_name("app.db-wal").stat().st_size > 500_000
    assert copied(database) == {"row": 2000, "new": 2}
    application.do("COMMIT")
    assert copied(database) == {"cha": 2002}


@pytest.mark.usefixtures("only_by_mark")
def test_an_application_that_ends_meanwhile_leaves_its_log_for_the_next(database, application, meanwhile):
    meanwhile("", application.end)
    assert copied(database) == {"row": 2000, "new": 2}
    assert database.with_name("app.db-wal").stat().st_size > 0
    assert names_in(database) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("only_by_mark")
def test_an_application_that_is_killed_meanwhile_leaves_nothing_half(database, application, meanwhile):
    def die() -> None:
        application.do("PRAGMA cache_size = 5", "BEGIN", UPDATE)
        application.process.kill()
        application.process.wait()

    meanwhile("", die)
    assert copied(database) == {"row": 2000, "new": 2}
    assert names_in(database) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("only_by_mark")
def test_a_table_is_dropped_and_the_file_made_smaller_meanwhile(database, application, meanwhile):
    meanwhile("", lambda: application.do("DELETE FROM t", "VACUUM", "PRAGMA wal_checkpoint(PASSIVE)"))
    assert copied(database) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("only_by_mark")
def test_a_file_that_was_made_smaller_before_is_as_small(database, application):
    application.do("DELETE FROM t", "VACUUM", "PRAGMA wal_checkpoint(PASSIVE)", INSERT, "SELECT 1 FROM t")
    assert copied(database) == {"new": 1}


def test_a_mark_that_is_lost_is_no_mark(database, application, meanwhile, monkeypatch):
    monkeypatch.setattr(database_copy, "_PAUSE_SECONDS", 0.01)
    held = []
    start = read_mark.ReadMark.__init__

    def remember(mark, holder):
        held.append(holder)
        start(mark, holder)

    def lose() -> None:
        os.kill(held[0].pid, signal.SIGKILL)
        held[0].wait()
        application.do(UPDATE, "PRAGMA wal_checkpoint(TRUNCATE)", INSERT)

    monkeypatch.setattr(read_mark.ReadMark, "__init__", remember)
    meanwhile("", lose)
    assert copied(database) == {"cha": 2002, "new": 1}


def test_a_file_that_is_moved_to_its_place_is_not_mixed_with_its_log(
    database, application, build, monkeypatch
):
    monkeypatch.setattr(database_copy, "_PAUSE_SECONDS", 0.01)
    other = build(TABLE, {"t": [(1, "other", b"")]}, name="other.db")

    def replace() -> None:
        application.end()
        other.replace(database)
        for suffix in ("-wal", "-shm"):
            database.with_name(f"app.db{suffix}").unlink()

    hold = database_copy.hold_read_mark

    @contextmanager
    def hold_then_replace(source):
        with hold(source) as mark:
            look = mark.look
            monkeypatch.setattr(mark, "look", lambda: (replace() if other.exists() else None, look())[1])
            yield mark

    monkeypatch.setattr(database_copy, "hold_read_mark", hold_then_replace)
    assert copied(database) == {"oth": 1}


def test_a_holder_whose_parent_is_killed_lets_go(database, application):
    code = (
        "import sys; from pathlib import Path; from migration.source.read_mark import hold_read_mark\n"
        "with hold_read_mark(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "held\n"
    assert application.do(UPDATE, "PRAGMA wal_checkpoint(TRUNCATE)").startswith("[(1,")
    parent.kill()
    parent.communicate()
    for _ in range(500):
        if application.do("PRAGMA wal_checkpoint(TRUNCATE)") == "[(0, 0, 0)]\n":
            return
        time.sleep(0.02)
    pytest.fail("The mark is still held")


def test_nothing_is_left_when_the_mark_is_let_go(database, application):
    with hold_read_mark(database) as mark:
        busy = application.do(UPDATE, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert mark.look().salt == mark.index.salt
    assert busy.startswith("[(1,")
    assert application.do("PRAGMA wal_checkpoint(TRUNCATE)") == "[(0, 0, 0)]\n"
    application.end()
    assert [path.name for path in database.parent.iterdir()] == ["app.db"]


@pytest.mark.parametrize("page_bytes", [512, 65536])
@pytest.mark.usefixtures("only_by_mark")
def test_pages_of_any_size(build, child, page_bytes):
    path = build(f"PRAGMA page_size = {page_bytes}; PRAGMA journal_mode = WAL;" + TABLE, {"t": ROWS})
    Application(child(Application.CODE, path)).do(INSERT, INSERT, "SELECT 1 FROM t")
    assert copied(path) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("only_by_mark")
def test_any_name_of_a_file(build, child):
    path = build("PRAGMA journal_mode = WAL;" + TABLE, {"t": ROWS}, name="my ?a=b#50%25 ü.db")
    Application(child(Application.CODE, path)).do(INSERT, INSERT, "SELECT 1 FROM t")
    assert copied(path) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("application")
def test_a_log_with_a_damaged_frame_is_not_passed_over(database):
    with database.with_name("app.db-wal").open("r+b") as log:
        log.seek(32 + 24 + 100)
        log.write(b"damage")
    with pytest.raises(SourceCorruptError, match=r"log is damaged: 0 of its \d+ frames"):
        copied(database)


def test_a_database_at_rest_is_not_held(database):
    before = sums(database)
    with pytest.raises(MarkRefusedError) as caught, hold_read_mark(database):
        pass
    assert caught.value.refusal == Refusal.NOT_OPEN_HERE
    assert sums(database) == before


def test_a_log_that_a_killed_application_has_left_is_not_held(database, application):
    application.process.kill()
    application.process.wait()
    before = sums(database)
    with pytest.raises(MarkRefusedError) as caught, hold_read_mark(database):
        pass
    assert caught.value.refusal == Refusal.NOT_OPEN_HERE
    assert sums(database) == before
    assert copied(database) == {"row": 2000, "new": 2}
    assert sums(database) == before


def test_where_no_mark_can_be_held_the_error_says_what_would_help(database, child, monkeypatch):
    monkeypatch.setattr(database_copy, "_PAUSE_SECONDS", 0.01)
    alone = "c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('PRAGMA journal_mode = WAL')"
    application = Application(
        child(Application.CODE.replace("c.execute('PRAGMA journal_mode = WAL')", alone), database)
    )
    application.do(INSERT)
    copy_open_file = database_copy._copy_open_file

    def copy_while_it_commits(file, copy):
        copy_open_file(file, copy)
        application.do(INSERT)

    monkeypatch.setattr(database_copy, "_copy_open_file", copy_while_it_commits)
    words = r"locked it for itself.*locking_mode = NORMAL.*Stop the application"
    with pytest.raises(SourceLockedError, match=words) as caught:
        copied(database)
    assert "VACUUM INTO" in caught.value.next_steps[0].command
    assert sorted(entry.name for entry in database.parent.iterdir()) == ["app.db", "app.db-wal"]


@pytest.mark.usefixtures("application")
def test_a_name_of_the_file_that_has_no_log_beside_it_is_refused(database, tmp_path, monkeypatch):
    monkeypatch.setattr(database_copy, "_PAUSE_SECONDS", 0.01)
    alone = tmp_path / "alone" / "app.db"
    alone.parent.mkdir()
    alone.hardlink_to(database)
    with pytest.raises(SourceLockedError, match=r"not beside this name.*mount its folder") as caught:
        copied(alone)
    assert caught.value.next_steps == ()  # nobody should open it there
    assert copied(database) == {"row": 2000, "new": 2}


@pytest.mark.usefixtures("application")
def test_an_index_that_is_gone_is_not_made(database):
    database.with_name("app.db-shm").unlink()
    with pytest.raises(MarkRefusedError) as caught, hold_read_mark(database):
        pass
    assert caught.value.refusal == Refusal.NO_INDEX
    assert not database.with_name("app.db-shm").exists()


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
