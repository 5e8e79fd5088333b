"""What advice says to type is what the Procfile starts, everywhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from migration.start_commands import ClusterProcess, start_command
from producer.cli.doctor.broker_checks import broker_shell, server_checks

ROOT = Path(__file__).resolve().parents[2]
PROCESSES: tuple[ClusterProcess, ...] = ("producer", "worker")
_BARE = re.compile(r"(?<!-m )\bcelery -A (producer|worker)\.app worker")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_is_started_by_the_line_of_the_procfile(process: ClusterProcess) -> None:
    (line,) = re.findall(rf"^{process}: (.*)$", (ROOT / "Procfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert start_command(process, ".venv/bin/python") == re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line)
    assert start_command(process).startswith(sys.executable)


def test_a_python_in_a_folder_with_a_blank_can_be_pasted() -> None:
    assert start_command("worker", "/srv/my tools/python").startswith("'/srv/my tools/python' -m ")


@pytest.mark.parametrize("folder", ["api", "migration", "producer", "worker", "deploy", "docs"])
def test_no_advice_has_a_line_of_its_own(folder: str) -> None:
    texts = [
        path
        for ending in ("py", "js", "html", "j2", "yml", "yaml", "md")
        for path in (ROOT / folder).rglob(f"*.{ending}")
        if path.name not in {"app.py", "celery_process.py"}  # their first lines say what the file is
    ]
    bare = [str(path) for path in texts if _BARE.search(path.read_text(encoding="utf-8"))]
    assert bare == []


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("redis://127.0.0.1:6379/0", "redis-cli -h 127.0.0.1 -p 6379"),
        ("redis://:hidden-word@cache/3", "redis-cli -h cache -p 6379 -n 3 --askpass"),
        ("redis://[::1]:7000", "redis-cli -h ::1 -p 7000"),
        (
            "rediss://m%20e:hidden-word@cache:6380/0?ssl_ca_certs=/etc/ca.crt",
            "redis-cli -h cache -p 6380 --user 'm e' --askpass --tls --cacert /etc/ca.crt",
        ),
    ],
)
def test_the_line_for_the_broker_needs_no_variable_and_holds_no_password(url: str, line: str) -> None:
    assert broker_shell(url, "redis-cli") == line


def test_alerts_have_the_very_lines() -> None:
    alerts = (ROOT / "deploy/prometheus/convoy_alerts.yml").read_text(encoding="utf-8")
    lines = re.findall(r"`([^`]*celery -A[^`]*)`", alerts)
    assert lines
    assert set(lines) == {start_command(process, ".venv/bin/python") for process in PROCESSES}


def test_what_only_an_administrator_may_is_typed_with_a_login_of_theirs() -> None:
    (found,) = [
        check
        for check in server_checks(
            {"redis_version": "7.0.15", "role": "master", "aof_enabled": 0},
            "rediss://convoy:word@cache:6380/2?ssl_ca_certs=/etc/ca.crt",
        )
        if check.name == "append-only file"
    ]
    assert found.command == (
        "redis-cli -h cache -p 6380 -n 2 --askpass --tls --cacert /etc/ca.crt CONFIG SET appendonly yes"
    )
    assert "administrator of the broker" in found.remedy
    assert "configuration file" in found.remedy
