"""convoy.toml: names, precedence, secrets, and who is told what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migration.errors import SettingError
from migration.process_settings import UnknownSetting, setting_warnings, unknown_settings
from migration.settings import Settings, load_settings
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


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MIGRATION_BROKER", "MIGRATION_BROKER_URL"),
        ("MIGRATION_TARGET_PASS", "MIGRATION_TARGET_PASSWORD"),
        ("migration_source_roots", "MIGRATION_SOURCE_ROOT"),
        ("MIGRATION_SOURCE_ROOT_FILE", "MIGRATION_SOURCE_ROOT"),
        ("MIGRATION_QQQQ", None),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_name_that_is_no_setting_is_told_with_the_nearest_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, nearest: str | None, place: str
) -> None:
    for known in [known for known in os.environ if known.startswith("MIGRATION_")]:
        monkeypatch.delenv(known)
    monkeypatch.chdir(folder)
    if place == ".env":
        (folder / ".env").write_text(f"{name}=hunter2\n", encoding="utf-8")
    else:
        monkeypatch.setenv(name, "hunter2")
    assert unknown_settings() == (UnknownSetting(name, place, nearest or ""),)
    (told,) = [line for line in setting_warnings() if "chmod" not in line]
    assert name in told
    assert (nearest or "no setting") in told
    assert "hunter2" not in told


def test_names_of_others_and_all_settings_are_no_unknown_names(folder: Path) -> None:
    (folder / ".env").write_text("DATABASE_URL=x\nMIGRATION_LOG_LEVEL=debug\n", encoding="utf-8")
    done = run(folder, "config", "--json", MIGRATION_CLI="x")
    assert json.loads(done.stdout)["unknown"] == [
        {"variable": "MIGRATION_CLI", "origin": "environment", "nearest": None}
    ]
    assert "The environment sets MIGRATION_CLI, which is no setting" in done.stderr
    every = {f"MIGRATION_{name.upper()}" for name in Settings.model_fields}
    lines = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8").splitlines()
    written = {line.lstrip("# ").partition("=")[0] for line in lines if "=" in line}
    assert {name for name in written if name.startswith("MIGRATION_")} == every


def test_doctor_names_unknown_settings(folder: Path) -> None:
    done = run(folder, "doctor", "--json", MIGRATION_BROKER="redis://127.0.0.1:1")
    (told,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "MIGRATION_BROKER"]
    assert told["health"] == "warning"
    assert "MIGRATION_BROKER_URL" in told["remedy"]


@pytest.mark.parametrize(
    "process",
    [
        ["-m", "api"],
        ["-m", "celery", "-A", "producer.app", "worker", "-Q", "control", "--pool", "threads"],
        ["-m", "celery", "-A", "worker.app", "worker", "-Q", "copy"],
    ],
    ids=["api", "producer", "worker"],
)
def test_each_process_says_so_as_it_starts(folder: Path, process: list[str]) -> None:
    nobody = {
        "MIGRATION_BROKER_URL": "redis://127.0.0.1:9/0",
        "MIGRATION_TARGET_URL": "postgresql://a@127.0.0.1:9/a",
        "MIGRATION_API_TOKEN": "token-of-a-test",
        "MIGRATION_API_PORT": "0",
        "MIGRATION_BROKER": "x",
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("MIGRATION_")}
    with subprocess.Popen(
        [sys.executable, *process],
        cwd=folder,
        env=env | nobody | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stderr is not None
        try:
            lines = iter(started.stderr.readline, "")
            assert any("Did you mean MIGRATION_BROKER_URL" in line for line in lines)
        finally:
            started.kill()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIGRATION_BROKER_URL", "http://127.0.0.1:6379"),
        ("MIGRATION_BROKER_URL", "127.0.0.1:6379"),
        ("MIGRATION_BROKER_URL", "amqp://u:hunter2@host"),
        ("MIGRATION_TARGET_URL", "mysql://u:hunter2@host/db"),
        ("MIGRATION_TARGET_URL", "host/hunter2"),
        ("MIGRATION_STAGE_URL", "sss://hunter2@bucket"),
        ("MIGRATION_SOURCE_URLS", "https://u:hunter2@host/a.db nope://hunter2"),
        ("MIGRATION_SOURCE_URLS", "hunter2"),
        ("MIGRATION_FLOWER_URL", "javascript:alert(1)"),
        ("MIGRATION_OTLP_ENDPOINT", "grpc://collector"),
        ("MIGRATION_OTLP_ENDPOINT", "collector:4317"),
        ("MIGRATION_LOG_LEVEL", "LOUD"),
        ("MIGRATION_API_PORT", "70000"),
    ],
)
def test_value_that_is_not_for_a_setting_is_refused_where_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    with pytest.raises(SettingError) as caught:
        load_settings()
    load_settings.cache_clear()
    assert name in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_command_ends_with_a_setting_that_is_refused(folder: Path) -> None:
    done = run(folder, "config", MIGRATION_BROKER_URL="http://u:hunter2@127.0.0.1:6379")
    assert done.returncode == 2, done.stdout
    assert "redis://HOST:6379/0" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIGRATION_BROKER_URL", "rediss://host/0"),
        ("MIGRATION_BROKER_URL", "REDIS://host/0"),
        ("MIGRATION_TARGET_URL", "postgres://u@host/db"),
        ("MIGRATION_TARGET_URL", "host=/run/postgresql dbname=a"),
        ("MIGRATION_TARGET_URL", "embedded"),
        ("MIGRATION_STAGE_URL", "s3://bucket/a"),
        ("MIGRATION_STAGE_URL", "/srv/stage"),
        ("MIGRATION_STAGE_URL", "abfs://container/a"),
        ("MIGRATION_SOURCE_URLS", "https://h/a.db s3://b/c.db"),
        ("MIGRATION_FLOWER_URL", "/flower/"),
        ("MIGRATION_OTLP_ENDPOINT", "http://collector:4318"),
        ("MIGRATION_LOG_LEVEL", "warning"),
    ],
)
def test_value_that_fits_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    load_settings()
    load_settings.cache_clear()
