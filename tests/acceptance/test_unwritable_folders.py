"""Every place that Convoy writes to, taken away: a sentence with what moves it, or another place, never a crash.

Root may write everywhere, so its commands run as somebody else; folders below a file stop everybody.
"""

from __future__ import annotations

import atexit
import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support.shell import CLI, make_database

SECONDS = 120
PROJECT = Path(__file__).resolve().parents[2]
NAMELESS = 54_321
"""A user without an entry in passwd, as containers have it."""


@dataclass(frozen=True)
class Somebody:
    """How to start a Python that may not write everywhere."""

    python: tuple[str, ...]
    environment: dict[str, str]
    is_root: bool = False


def nobody() -> int:
    return pwd.getpwnam("nobody").pw_uid


@cache
def site_of_patch_releases() -> str:
    """A folder with what redis needs of a Python before 3.11.3, which the system's may be."""
    folder = Path(tempfile.mkdtemp(prefix="convoy-test-site-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    (folder / "async_timeout.py").write_text("from asyncio import timeout\n", encoding="utf-8")
    return str(folder)


@cache
def somebody() -> Somebody:
    """Not root: this user. Root: a user without a name, else root without the right to write everywhere."""
    if os.geteuid():
        return Somebody((sys.executable,), {})
    site = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {"PYTHONPATH": f"{site_of_patch_releases()}:{PROJECT}:{site}"}
    python = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    stranger = ("setpriv", f"--reuid={nobody()}", f"--regid={nobody()}", "--clear-groups", python)
    bounded = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", sys.executable)
    for found in (Somebody(stranger, environment), Somebody(bounded, {}, is_root=True)):
        command = [*found.python, "-c", "import producer.cli.app, psycopg, pyarrow, redis.asyncio"]
        try:
            done = subprocess.run(
                command, cwd="/", env=os.environ | found.environment, capture_output=True, check=False
            )
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return found
    pytest.skip("root cannot give up its rights here")


@pytest.fixture
def world() -> Iterator[Path]:
    """A folder with a home, a work folder and a database; the way to it is open to root's PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in ("home", "work", "tmp"):
            (folder / part).mkdir()
        make_database(folder / "work" / "app.db", rows=3)
        given(folder)
        yield folder
        for part in folder.rglob("*"):
            if part.is_dir() and not part.is_symlink():
                part.chmod(0o700)


def given(folder: Path) -> None:
    """Make a folder, with all that is in it, the one of whom the commands run as; root's PostgreSQL may pass."""
    who = somebody()
    folder.chmod(0o711)
    if os.geteuid() == 0 and not who.is_root:
        for part in (folder, *folder.rglob("*")):
            os.chown(part, nobody(), nobody())


def command(
    world: Path, *arguments: str, cwd: Path | None = None, umask: int = -1, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    foreign = ("MIGRATION_", "PG", "XDG_", "HOME", "TMPDIR")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= somebody().environment
    named = {"HOME": str(world / "home"), "TMPDIR": str(world / "tmp"), **environment}
    env |= {name: value for name, value in named.items() if value is not None}
    return subprocess.run(
        [*somebody().python, *CLI[1:], *arguments],
        cwd=cwd or world / "work",
        env=env,
        umask=umask,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


MIGRATE = ("migrate", "--source", "app.db", "--target-url", "embedded", "--workers", "1")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("error: "), sentence
    assert [word for word in words if word not in sentence] == []


def test_a_folder_that_takes_no_files_is_told_and_the_users_state_serves(world: Path) -> None:
    if somebody().is_root:
        pytest.skip("root's PostgreSQL is another user, whose files a root without its rights cannot see")
    (world / "work").chmod(0o555)

    done = command(world, *MIGRATE)

    assert done.returncode == 0, done.stderr
    state = world / "home" / ".local" / "state" / "convoy"
    assert f"go to {state} (MIGRATION_STATE_DIR moves them)" in done.stderr
    assert {"snapshots", "logs", "reports", "postgres"} <= {part.name for part in state.iterdir()}
    assert [part.name for part in (world / "work").iterdir()] == ["app.db"]
    again = command(world, "status", "--target-url", "embedded")
    assert "completed" in again.stdout, again.stderr


def test_without_home_and_folder_a_database_is_refused_a_place_that_a_restart_takes(world: Path) -> None:
    (world / "work").chmod(0o555)

    refused(command(world, *MIGRATE, HOME="/dev/null/home"), "embedded PostgreSQL", "MIGRATION_EMBEDDED_DIR")


def test_without_home_and_folder_a_look_at_a_source_takes_the_temporary_one(world: Path) -> None:
    (world / "work").chmod(0o555)

    done = command(world, "list-tables", "--source", "app.db", HOME=None)

    assert (done.returncode, "author" in done.stdout) == (0, True), done.stderr
    assert "until the machine is restarted" in done.stderr


@pytest.mark.parametrize(
    ("setting", "words", "place"),
    [
        ("MIGRATION_SNAPSHOT_DIR", "snapshots", "/dev/null/below"),
        ("MIGRATION_REPORT_DIR", "reports", "closed/below"),
        ("MIGRATION_LOG_DIR", "logs", "/dev/null/below"),
        ("MIGRATION_EMBEDDED_DIR", "embedded PostgreSQL", "closed/below"),
    ],
)
def test_a_named_folder_that_cannot_be_written_is_named_with_its_setting(
    world: Path, setting: str, words: str, place: str
) -> None:
    (world / "work" / "closed").mkdir()
    given(world)
    (world / "work" / "closed").chmod(0o555)

    refused(command(world, *MIGRATE, **{setting: place}), setting, words, place.partition("/below")[0])


def test_a_report_that_could_not_be_written_is_refused_before_the_run(world: Path) -> None:
    (world / "work" / "closed").mkdir()
    given(world)
    (world / "work" / "closed").chmod(0o555)

    refused(command(world, *MIGRATE, "--report", "closed/report"), "--report", "closed/report")
    assert not (world / "work" / ".convoy" / "postgres" / "PG_VERSION").exists()


def test_state_that_belongs_to_somebody_else_is_not_passed_over(world: Path) -> None:
    (world / "work" / ".convoy").mkdir()
    given(world)
    (world / "work" / ".convoy").chmod(0o555)

    refused(command(world, *MIGRATE), str(world / "work" / ".convoy"), "MIGRATION_")


def test_a_folder_that_is_gone_is_a_sentence(world: Path) -> None:
    gone = world / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'

    for arguments in (MIGRATE, ("list-tables", "--source", str(world / "work" / "app.db")), ("status",)):
        done = subprocess.run(
            ["sh", "-c", script, "sh", *CLI, *arguments],
            env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONSAFEPATH": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        refused(done, "The current folder is gone")
        gone.mkdir()


def test_no_place_for_temporary_files_names_tmpdir(world: Path) -> None:
    """A file where each candidate of Python would be: the process has no folder left that takes files."""
    code = (
        "import sys, tempfile; tempfile._candidate_tempdir_list = lambda: ['/dev/null/tmp'];"
        "from producer.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *MIGRATE],
        cwd=world / "work",
        env={name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "PG"))}
        | {"TMPDIR": "/dev/null/tmp"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    refused(done, "TMPDIR", "/dev/null/tmp")


def test_any_name_of_a_folder_will_do(world: Path) -> None:
    """A socket's path holds 107 bytes; the folder's may be longer, and a shell would see commands in it."""
    folder = world / f"größe 数据 'a' \"b\" $(touch pwned);`id` {'y' * 120}"
    folder.mkdir()
    make_database(folder / "app.db", rows=3)
    given(world)

    done = command(world, *MIGRATE, "--json", cwd=folder)

    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "completed"), done.stderr
    assert sorted(part.name for part in folder.iterdir()) == [".convoy", "app.db"]


def test_a_line_break_in_a_name_is_told_where_postgresql_cannot_have_it(world: Path) -> None:
    folder = world / "two\nlines"
    folder.mkdir()
    make_database(folder / "app.db", rows=3)
    given(world)

    done = command(world, *MIGRATE, "--json", cwd=folder)

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "embedded-folder-unusable")
    assert "MIGRATION_EMBEDDED_DIR" in error["remedy"]


@pytest.mark.parametrize("mask", [0o777, 0o000])
def test_no_mask_of_new_files_takes_them_from_their_owner_or_opens_them_to_strangers(
    world: Path, mask: int
) -> None:
    done = command(world, *MIGRATE, umask=mask)

    assert done.returncode == 0, done.stderr
    state = world / "work" / ".convoy"
    open_to_all = [part for part in state.rglob("*") if not part.is_symlink() and part.stat().st_mode & 0o002]
    assert open_to_all == []


def test_a_user_without_a_name_is_told_what_postgresql_lacks(world: Path) -> None:
    who = somebody()
    if os.geteuid() or who.is_root:
        pytest.skip("only root may become a user without a name, where Python is open to it")
    (world / "work").chmod(0o777)
    (world / "tmp").chmod(0o777)
    python = [part.replace(f"={nobody()}", f"={NAMELESS}") for part in who.python]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*python, *CLI[1:], *arguments],
            cwd=world / "work",
            env={"PATH": os.environ["PATH"], "TMPDIR": str(world / "tmp"), **who.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    refused(run(*MIGRATE), f"user {NAMELESS}", "/etc/passwd", "--target-url")
    doctor = run("doctor", "--target-url", "embedded")
    assert doctor.returncode == 2
    assert f"PostgreSQL makes no data folder for user {NAMELESS}" in doctor.stdout
    assert not (world / "work" / ".convoy" / "postgres").exists()


def test_setting_that_has_put_all_folders_where_they_are_is_the_one_that_is_named(world: Path) -> None:
    """Once it is corrected, nothing else is refused; a folder that was named by itself is moved by itself."""
    closed = "/dev/null/below"
    first = command(world, *MIGRATE, MIGRATION_STATE_DIR=closed)
    refused(first, "MIGRATION_STATE_DIR", f"{closed}/")
    assert "MIGRATION_SNAPSHOT_DIR" not in first.stderr
    second = command(
        world, *MIGRATE, MIGRATION_STATE_DIR=closed, MIGRATION_SNAPSHOT_DIR=str(world / "snapshots")
    )
    refused(second, "MIGRATION_STATE_DIR")
    assert "MIGRATION_REPORT_DIR" not in second.stderr
    own = command(
        world,
        *MIGRATE,
        MIGRATION_STATE_DIR=str(world / "state"),
        MIGRATION_SNAPSHOT_DIR=f"{closed}/snapshots",
    )
    refused(own, "MIGRATION_SNAPSHOT_DIR")
    doctor = command(world, "doctor", MIGRATION_STATE_DIR=closed)
    assert doctor.returncode == 2
    assert doctor.stdout.count("export MIGRATION_STATE_DIR=FOLDER") >= 4
    assert "MIGRATION_EMBEDDED_DIR" not in doctor.stdout


def test_a_read_only_medium_with_a_write_ahead_log_is_read_whole(world: Path) -> None:
    """Neither `.convoy` nor SQLite's `-shm` can be made beside the source; the rows in the log count all the same."""
    medium = world / "medium"
    medium.mkdir()
    with closing(sqlite3.connect(world / "work" / "wal.db")) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO note VALUES (1), (2), (3)")
        connection.commit()
        for name in ("wal.db", "wal.db-wal"):
            shutil.copy(world / "work" / name, medium / name)
    # Shell words: $1 is the medium, all after it the command.
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && shift && exec "$@"'
    isolated = ["unshare", "--mount", "sh", "-c", script, "sh", str(medium)]
    if shutil.which("unshare") is None or subprocess.run([*isolated, "true"], check=False).returncode:
        pytest.skip("nobody may mount here")

    done = subprocess.run(
        [*isolated, sys.executable, *CLI[1:], "list-tables", "--source", "wal.db", "--json"],
        env=os.environ | {"HOME": str(world / "home"), "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["rows"] == 3
    assert str(world / "home" / ".local" / "state" / "convoy") in done.stderr
    assert sorted(path.name for path in medium.iterdir()) == ["wal.db", "wal.db-wal"]
