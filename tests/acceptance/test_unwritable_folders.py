"""Every place that Convoy writes to, taken away: a sentence with the setting that moves it, or another place, never a crash.

Root may write everywhere, so its commands lose that right first (CAP_DAC_OVERRIDE); folders below a file and a path
longer than the kernel takes stop everybody.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import CLI, make_database

SECONDS = 120
IS_ROOT = os.geteuid() == 0
BOUND = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner")


@pytest.fixture(scope="module", autouse=True)
def bounded() -> None:
    if not IS_ROOT:
        return
    done = shutil.which("setpriv") and subprocess.run([*BOUND, "true"], capture_output=True, check=False)
    if not done or done.returncode:
        pytest.skip("root cannot give up its rights here")


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a home, a work folder and a database; the way to it is open to root's PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        for part in ("home", "work", "tmp"):
            (folder / part).mkdir()
        make_database(folder / "work" / "app.db", rows=3)
        yield folder
        for part in folder.rglob("*"):
            if part.is_dir() and not part.is_symlink():
                part.chmod(0o700)


def command(
    world: Path, *arguments: str, cwd: Path | None = None, umask: int = -1, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    foreign = ("MIGRATION_", "PG", "XDG_", "HOME", "TMPDIR")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    given = {"HOME": str(world / "home"), "TMPDIR": str(world / "tmp"), **environment}
    env |= {name: value for name, value in given.items() if value is not None}
    return subprocess.run(
        [*(BOUND if IS_ROOT else ()), *CLI, *arguments],
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
    (world / "work").chmod(0o555)

    done = command(world, *MIGRATE)

    assert done.returncode == 0, done.stderr
    state = world / "home" / ".local" / "state" / "convoy"
    assert f"go to {state} (MIGRATION_STATE_DIR moves them)" in done.stderr
    assert {"snapshots", "logs", "reports", "postgres"} <= {part.name for part in state.iterdir()}
    assert [part.name for part in (world / "work").iterdir()] == ["app.db"]
    again = command(world, "status", "--target-url", "embedded")
    assert "completed" in again.stdout, again.stderr


@pytest.mark.parametrize("home", [None, "/dev/null/home", "relative"])
def test_without_home_and_folder_a_database_is_refused_a_place_that_a_restart_takes(
    world: Path, home: str | None
) -> None:
    (world / "work").chmod(0o555)

    refused(command(world, *MIGRATE, HOME=home), "embedded PostgreSQL", "MIGRATION_EMBEDDED_DIR")


def test_without_home_and_folder_a_look_at_a_source_takes_the_temporary_one(world: Path) -> None:
    (world / "work").chmod(0o555)

    done = command(world, "list-tables", "--source", "app.db", HOME=None)

    assert (done.returncode, "author" in done.stdout) == (0, True), done.stderr
    assert "until the machine is restarted" in done.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("MIGRATION_SNAPSHOT_DIR", "snapshots"),
        ("MIGRATION_REPORT_DIR", "reports"),
        ("MIGRATION_LOG_DIR", "logs"),
        ("MIGRATION_EMBEDDED_DIR", "embedded PostgreSQL"),
    ],
)
@pytest.mark.parametrize("place", ["/dev/null/below", "closed/below", "x" * 300])
def test_a_named_folder_that_cannot_be_written_is_named_with_its_setting(
    world: Path, setting: str, words: str, place: str
) -> None:
    (world / "work" / "closed").mkdir(mode=0o555)

    refused(command(world, *MIGRATE, **{setting: place}), setting, words, place[:40])


def test_a_report_that_could_not_be_written_is_refused_before_the_run(world: Path) -> None:
    (world / "work" / "closed").mkdir(mode=0o555)

    refused(command(world, *MIGRATE, "--report", "closed/report"), "--report", "closed/report")
    assert not (world / "work" / ".convoy" / "postgres" / "PG_VERSION").exists()


def test_state_that_belongs_to_somebody_else_is_not_passed_over(world: Path) -> None:
    (world / "work" / ".convoy").mkdir(mode=0o555)

    refused(command(world, *MIGRATE), str(world / "work" / ".convoy"), "MIGRATION_")


def test_a_folder_that_is_gone_is_a_sentence(world: Path) -> None:
    gone = world / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'

    for arguments in (MIGRATE, ("list-tables", "--source", str(world / "work" / "app.db")), ("status",)):
        done = subprocess.run(
            ["sh", "-c", script, "sh", *CLI, *arguments],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONSAFEPATH": "1"},
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


@pytest.mark.parametrize(
    "name",
    ["with space and 'quotes\"", "größe-数据", "y" * 200, "$(touch pwned);`id`"],
    ids=["quotes", "unicode", "long", "shell"],
)
def test_any_name_of_a_folder_will_do(world: Path, name: str) -> None:
    """A socket's path holds 107 bytes; the folder's may be longer."""
    folder = world / name
    folder.mkdir()
    make_database(folder / "app.db", rows=3)

    done = command(world, *MIGRATE, "--json", cwd=folder)

    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "completed"), done.stderr
    assert sorted(part.name for part in folder.iterdir()) == [".convoy", "app.db"]


def test_a_line_break_in_a_name_is_told_where_postgresql_cannot_have_it(world: Path) -> None:
    folder = world / "two\nlines"
    folder.mkdir()
    make_database(folder / "app.db", rows=3)

    done = command(world, *MIGRATE, "--json", cwd=folder)

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "embedded-folder-unusable")
    assert "MIGRATION_EMBEDDED_DIR" in error["remedy"]
    moved = command(world, *MIGRATE, cwd=folder, MIGRATION_EMBEDDED_DIR=str(world / "pg" / "data"))
    assert moved.returncode == 0, moved.stderr


@pytest.mark.parametrize("mask", [0o777, 0o077, 0o000])
def test_no_mask_of_new_files_takes_them_from_their_owner_or_opens_them_to_strangers(
    world: Path, mask: int
) -> None:
    done = command(world, *MIGRATE, umask=mask)

    assert done.returncode == 0, done.stderr
    state = world / "work" / ".convoy"
    open_to_all = [part for part in state.rglob("*") if not part.is_symlink() and part.stat().st_mode & 0o002]
    assert open_to_all == []


@pytest.mark.skipif(not IS_ROOT, reason="only root may become a user without a name")
def test_a_user_without_a_name_migrates(world: Path) -> None:
    """As containers have it: a number without an entry in passwd, no home. It needs a Python that others may run."""
    uid = 54_321
    python = shutil.which("python3", path="/usr/bin")
    if python is None or sys.version_info[:2] != python_version(python):
        pytest.skip("no Python of the system that is of the same version")
    site = next(path for path in sys.path if path.endswith("site-packages"))
    code = CLI[2]
    (world / "work").chmod(0o777)
    (world / "tmp").chmod(0o777)
    project = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [
            *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"),
            *(python, "-c", code, *MIGRATE),
        ],
        cwd=world / "work",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{project}:{site}", "TMPDIR": str(world / "tmp")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if "No module named" in done.stderr:
        pytest.skip("this checkout is closed to other users")

    assert done.returncode == 0, done.stderr


def python_version(python: str) -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    major, minor = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(major), int(minor)
