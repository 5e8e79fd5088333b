"""convoy.toml: names, precedence, secrets, and who is told what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.shell import CLI

SECONDS = 60


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    foreign = ("MIGRATION_", "PG", "XDG_", "FLOWER_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return subprocess.run(
        [*CLI, *arguments],
        cwd=folder,
        env=env | {"HOME": str(folder / "home"), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def settings(folder: Path, **environment: str) -> dict[str, dict[str, str]]:
    done = run(folder, "config", "--json", **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)["settings"]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "home" / ".config" / "convoy").mkdir(parents=True)
    return tmp_path


def test_environment_then_dotenv_then_file_then_default(folder: Path) -> None:
    (folder / "convoy.toml").write_text(
        "max_attempts = 2\napi-port = 8002\nlease_seconds = 12.5\nlog_level = 'DEBUG'\n"
    )
    (folder / ".env").write_text("MIGRATION_API_PORT=8003\nMIGRATION_LEASE_SECONDS=13\n")

    found = settings(folder, MIGRATION_LEASE_SECONDS="14")

    assert {
        name: (found[name]["value"], found[name]["origin"])
        for name in ("lease_seconds", "api_port", "max_attempts", "watchdog_seconds")
    } == {
        "lease_seconds": ("14.0", "environment"),
        "api_port": ("8003", ".env"),
        "max_attempts": ("2", "convoy.toml"),
        "watchdog_seconds": ("30.0", "default"),
    }


def test_the_users_file_counts_where_the_folder_has_none(folder: Path) -> None:
    users = folder / "home" / ".config" / "convoy" / "convoy.toml"
    users.write_text("max_attempts = 3\n")
    assert settings(folder)["max_attempts"] == {
        "value": "3",
        "origin": str(users),
        "variable": "MIGRATION_MAX_ATTEMPTS",
    }

    (folder / "convoy.toml").write_text("api_port = 1\n")
    assert settings(folder)["max_attempts"]["origin"] == "default"


def test_secrets_are_masked_and_urls_keep_all_but_theirs(folder: Path) -> None:
    file = folder / "convoy.toml"
    file.write_text(
        'api_token = "geheim-1"\ntarget_url = "postgresql://me:geheim-2@db/shop"\n'
        'broker_url = "redis://:geheim-3@cache/0"\n'
    )
    file.chmod(0o600)

    done = run(folder, "config")

    assert "geheim" not in done.stdout + done.stderr
    assert "@db/shop" in done.stdout
    assert "cache/0" in done.stdout


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("[cleanup]\nyes = true\n", 0o644, ["yes", "belongs on the command line"]),
        ("brokr_url = 'redis://h/0'\n", 0o644, ["brokr_url", "Did you mean broker_url?"]),
        ("max_attempts = 'many'\n", 0o644, ["max_attempts", "convoy.toml"]),
        ("max_attempts =\n", 0o644, ["convoy.toml cannot be read"]),
        ("workers = 4\n", 0o644, ["workers", "[flags]"]),
        ("api_token = 'x'\n", 0o644, ["chmod 600 convoy.toml"]),
        ("broker_url = 'redis://:pw@h/0'\n", 0o604, ["chmod 600 convoy.toml"]),
        ("api_port = 1\n", 0o666, ["chmod o-w convoy.toml"]),
        ("[migrat]\nworkers = 1\n", 0o644, ["migrat", "Did you mean [migrate]?"]),
        ("[migrate]\nworker = 1\n", 0o644, ["worker", "Did you mean workers?"]),
        ("[flags]\nif-exist = 'replace'\n", 0o644, ["if-exist", "Did you mean if-exists?"]),
        ("[flags]\ntarget-url = 'embedded'\n", 0o644, ["target_url", "above all tables"]),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_name(
    folder: Path, text: str, mode: int, words: list[str]
) -> None:
    (folder / "convoy.toml").write_text(text)
    (folder / "convoy.toml").chmod(mode)

    done = run(folder, "status")

    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr


def test_flags_of_a_table_count_where_the_line_names_none(folder: Path) -> None:
    (folder / "convoy.toml").write_text("[flags]\nworkers = 3\n[list-tables]\nsource = 'none.db'\n")

    done = run(folder, "list-tables", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["file"]) == (2, str(folder / "none.db"))

    named = run(folder, "list-tables", "--json", "--source", "other.db")
    assert json.loads(named.stdout)["error"]["file"] == str(folder / "other.db")


def test_flowers_link_follows_its_port(folder: Path) -> None:
    assert settings(folder)["flower_url"]["value"] == "http://127.0.0.1:5555"
    assert settings(folder, FLOWER_PORT="6000")["flower_url"]["value"] == "http://127.0.0.1:6000"
    (folder / ".env").write_text("FLOWER_PORT=6001\n")
    assert settings(folder)["flower_url"]["value"] == "http://127.0.0.1:6001"
    named = settings(folder, MIGRATION_FLOWER_URL="https://flower.example")
    assert named["flower_url"]["value"] == "https://flower.example"
