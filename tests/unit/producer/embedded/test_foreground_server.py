"""Where the Procfile's own servers listen: the addresses that the settings name, and loopback only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from migration.errors import UsageError
from migration.settings import Settings
from producer.embedded.foreground_server import Address, broker_address, target_address
from tests.support.api import api_settings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1:6379/0", Address(6379)),
        ("redis://localhost", Address(6379)),
        ("redis://:p%40ss@127.0.0.1:7000/1", Address(7000, password="p@ss")),
    ],
)
def test_the_broker_listens_where_its_url_says(url: str, address: Address) -> None:
    assert broker_address(api_settings(None, broker_url=url)) == address


@pytest.mark.parametrize(
    ("url", "password", "address"),
    [
        ("postgresql://127.0.0.1", None, Address(5432, "postgres", "", "postgres")),
        ("postgresql://app@127.0.0.1:7001/school", "x y", Address(7001, "app", "x y", "school")),
        ("postgresql://app:own@localhost/school", "other", Address(5432, "app", "own", "school")),
        ("host=127.0.0.1 user=app dbname=school", None, Address(5432, "app", "", "school")),
    ],
)
def test_postgres_listens_where_its_url_says(url: str, password: str | None, address: Address) -> None:
    assert target_address(api_settings(None, target_url=url, target_password=password)) == address


@pytest.mark.parametrize("url", [None, "rediss://127.0.0.1", "redis://db.example.org:6379"])
def test_a_broker_elsewhere_is_not_started_here(url: str | None) -> None:
    with pytest.raises(UsageError):
        broker_address(api_settings(None, broker_url=url))


@pytest.mark.parametrize("url", [None, "postgresql://db.example.org/x", "postgresql:///x?host=/tmp"])
def test_a_postgres_elsewhere_is_not_started_here(url: str | None) -> None:
    with pytest.raises(UsageError):
        target_address(api_settings(None, target_url=url))


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOURCE_ROOT", "API_TOKEN", "TARGET_PASSWORD"):
        monkeypatch.setenv(f"MIGRATION_{name}", "")

    settings = Settings(_env_file=None)

    assert (settings.source_root, settings.api_token, settings.target_password) == (None, None, None)


@pytest.mark.parametrize(
    "module",
    [["api"], ["producer.embedded.foreground_server"], ["producer.embedded.foreground_server", "redis"]],
)
def test_a_process_that_cannot_start_says_why_in_one_line(module: list[str]) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MIGRATION_")}

    ended = subprocess.run(
        [sys.executable, "-m", *module],
        env=env,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "Traceback" not in ended.stderr
