"""`.env` in the form of .env.example means the same to each program that reads it, whatever stands in a URL."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from honcho.environ import parse

from migration.settings import Settings, env_file_values
from tests.support.documentation import PAGES, blocks_of

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = (PROJECT / ".env.example").read_text(encoding="utf-8")
VALUES = {
    "MIGRATION_BROKER_URL": "rediss://convoy:p%40$1@cache.example:6380/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ca.crt",
    "MIGRATION_TARGET_URL": "postgresql://convoy@db.example/shop?sslmode=verify-full&sslrootcert=/etc/convoy/ca.crt",
    "MIGRATION_TARGET_PASSWORD": 'a b#c;d$HOME`e`*"f',
    "MIGRATION_SOURCE_URLS": "https://a.example/x.db?sig=1&exp=2 https://b.example/y.db?sig=3&exp=4",
    "MIGRATION_TRUSTED_PROXIES": "10.0.0.7, 10.244.3.0/24",
}


@pytest.fixture
def filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a `.env` that is .env.example with values between its quotes."""
    text = EXAMPLE
    for name, value in VALUES.items():
        (line,) = re.findall(rf"\n{name}='.*'\n", text)
        text = text.replace(line, f"\n{name}='{value}'\n")
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("MIGRATION_", "FLOWER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_shell_reads_the_values_whole(filled_in: Path) -> None:
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    script = f'set -a; . ./.env; set +a; exec {sys.executable} -c "{show}"'
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=filled_in,
        env={"PATH": "/usr/bin:/bin", "HOME": "/"},
        capture_output=True,
        text=True,
        check=True,
    )

    environment = json.loads(done.stdout)
    assert done.stderr == ""
    assert {name: environment[name] for name in VALUES} == VALUES


def test_honcho_the_launcher_and_the_settings_read_the_same(filled_in: Path) -> None:
    text = (filled_in / ".env").read_text(encoding="utf-8")
    honcho, launcher, settings = parse(text), env_file_values(), Settings()

    assert {name: honcho[name] for name in VALUES} == VALUES
    assert {name: launcher[name] for name in VALUES} == VALUES
    assert settings.broker_url == VALUES["MIGRATION_BROKER_URL"]
    assert settings.source_urls is not None
    assert settings.source_urls.get_secret_value() == VALUES["MIGRATION_SOURCE_URLS"]
    assert settings.target_password is not None
    assert settings.target_password.get_secret_value() == VALUES["MIGRATION_TARGET_PASSWORD"]
    target = settings.target_url
    assert (target if isinstance(target, str) else target and target.get_secret_value()) == VALUES[
        "MIGRATION_TARGET_URL"
    ]


def test_each_line_that_is_set_is_in_single_quotes_and_on_one_line() -> None:
    """So docker compose and systemd take it literally, too; neither is on every machine that tests."""
    lines = [line for line in EXAMPLE.splitlines() if line and not line.startswith("#")]

    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Z][A-Z0-9_]*='[^'\\]*'", line)] == []


def test_lines_that_the_pages_show_for_it_are_quoted_as_well() -> None:
    shown = [
        (block.place, found)
        for page in PAGES
        for block in blocks_of(page)
        if block.info == "text"
        for found in re.findall(r"(?:^|\s)((?:MIGRATION|FLOWER)_[A-Z_]+=\S)", block.text)
    ]

    assert shown
    assert [found for found in shown if not found[1].endswith("='")] == []
