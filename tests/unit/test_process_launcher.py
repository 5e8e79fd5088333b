from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migration.process_launcher import ALL_SECRETS, NEEDED_SECRETS, environment_for, flower_login, main
from migration.process_settings import open_env_file
from migration.settings import PREFIX, SECRETS, Settings

EVERYTHING = {name: f"value of {name}" for name in ALL_SECRETS} | {
    f"{name}_FILE": f"/run/secrets/{name}" for name in ALL_SECRETS
}


@pytest.mark.parametrize("process", list(NEEDED_SECRETS))
def test_a_process_gets_what_it_needs_and_all_that_is_no_secret(process: str) -> None:
    given = environment_for(process, EVERYTHING | {"PATH": "/bin", "MIGRATION_API_PORT": "8000"})

    needed = NEEDED_SECRETS[process]
    assert given.keys() == needed | {f"{name}_FILE" for name in needed} | {"PATH", "MIGRATION_API_PORT"}


@pytest.mark.parametrize("process", ["redis", "postgres", "flower"])
def test_nobody_but_the_api_and_who_fetches_snapshots_has_the_token(process: str) -> None:
    assert "MIGRATION_API_TOKEN" not in environment_for(process, EVERYTHING)


def test_every_secret_of_the_settings_is_known_and_may_come_from_a_file() -> None:
    assert {f"{PREFIX}{name.upper()}" for name in SECRETS} <= ALL_SECRETS
    assert {f"{name}_file" for name in SECRETS} <= set(Settings.model_fields)


def test_what_it_starts_sees_neither_the_secrets_of_others_nor_the_file(tmp_path: Path) -> None:
    # Given the secrets of all processes in `.env`, and one of them in the environment, too
    (tmp_path / ".env").write_text(
        "MIGRATION_BROKER_URL=redis://:b@127.0.0.1:9/0\nMIGRATION_API_TOKEN=planted-token\n"
        "FLOWER_BASIC_AUTH=me:planted-login\nMIGRATION_TARGET_PASSWORD=planted-password\nWORKER_PROCESSES=3\n"
    )
    code = (
        "import json, os; from migration.settings import load_settings; s = load_settings();"
        "print(json.dumps([dict(os.environ), s.broker_url, s.api_token is None]))"
    )

    # When the launcher begins a process of another name
    ended = subprocess.run(
        [sys.executable, "-m", "migration.process_launcher", "flower", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"MIGRATION_API_TOKEN": "planted-token", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=True,
    )

    # Then it knows its own, and not even reads the others
    environment, broker, knows_no_token = json.loads(ended.stdout)
    assert (broker, knows_no_token) == ("redis://:b@127.0.0.1:9/0", True)
    assert (environment["FLOWER_BASIC_AUTH"], environment["WORKER_PROCESSES"]) == ("me:planted-login", "3")
    assert "planted-token" not in ended.stdout
    assert "planted-password" not in ended.stdout


@pytest.mark.parametrize("arguments", [[], ["api"], ["nobody", "-m", "api"]])
def test_wrong_usage_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "login"),
    [
        ({}, ""),
        ({"FLOWER_BASIC_AUTH": ""}, ""),
        ({"FLOWER_BASIC_AUTH": "  "}, ""),
        ({"FLOWER_BASIC_AUTH": "user:"}, ""),
        ({"FLOWER_BASIC_AUTH": ":password"}, ""),
        ({"FLOWER_BASIC_AUTH": "no password"}, ""),
        ({"FLOWER_BASIC_AUTH": "a:b, c:d:e"}, "a:b,c:d:e"),
    ],
)
def test_only_pairs_of_user_and_password_are_a_login(environment: dict[str, str], login: str) -> None:
    assert flower_login(environment) == login


def test_flowers_login_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "login"
    file.write_text("a:b\nc:d\n")

    assert flower_login({"FLOWER_BASIC_AUTH_FILE": str(file)}) == "a:b,c:d"
    with pytest.raises(ValueError, match="FLOWER_BASIC_AUTH_FILE names"):
        flower_login({"FLOWER_BASIC_AUTH_FILE": str(tmp_path)})


@pytest.mark.parametrize(
    ("mode", "text", "is_told"),
    [
        (0o644, "MIGRATION_API_TOKEN=x", True),
        (0o640, "MIGRATION_TARGET_PASSWORD=x", True),
        (0o604, "FLOWER_BASIC_AUTH=a:b", True),
        (0o600, "MIGRATION_API_TOKEN=x", False),
        (0o644, "MIGRATION_API_TOKEN=\nMIGRATION_API_PORT=1", False),
    ],
)
def test_secrets_that_others_may_read_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, text: str, is_told: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_env_file() is None
    Path(".env").write_text(text)
    Path(".env").chmod(mode)

    told = open_env_file()

    assert (told is not None) == is_told
    assert told is None or "chmod 600 .env" in told
