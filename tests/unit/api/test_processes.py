"""Procfile, docker-compose.yml and Dockerfile describe the same cluster. No container engine runs here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
OURS = ("api", "producer", "worker", "flower")
IN_A_CONTAINER = {"PYTHON": "python", "FLOWER_ADDRESS": "0.0.0.0"}  # noqa: S104 - Flower inside its container


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace ${NAME:-default}, ${NAME:?message} and ${NAME} as sh and Docker Compose do."""

    def value(found: re.Match[str]) -> str:
        name, operator, word = found[1], found[2], found[3]
        return env.get(name, word if operator == ":-" else f"<{name}>")

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def procfile() -> dict[str, str]:
    lines = (PROJECT / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    return yaml.safe_load(expand(text, {}))


def command_of(process: str) -> list[str]:
    """Return the words of a Procfile command in a container, without the shell's own test in front."""
    return shlex.split(expand(procfile()[process], IN_A_CONTAINER).rpartition("; ")[2])


def test_both_files_name_the_same_processes(compose: dict[str, Any]) -> None:
    assert set(procfile()) == set(compose["services"]) == {*OURS, "redis", "postgres"}


@pytest.mark.parametrize("process", OURS)
def test_both_files_give_the_same_command(compose: dict[str, Any], process: str) -> None:
    assert shlex.split(compose["services"][process]["command"]) == command_of(process)


def test_every_service_has_a_health_check(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "healthcheck" not in service] == []


@pytest.mark.parametrize("process", OURS)
def test_our_services_wait_for_healthy_servers(compose: dict[str, Any], process: str) -> None:
    waits = compose["services"][process]["depends_on"]

    assert {name: wait["condition"] for name, wait in waits.items()} == {
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }


def test_the_worker_can_be_scaled(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]

    assert worker["deploy"]["replicas"] >= 1
    assert "container_name" not in worker
    assert "ports" not in worker


def test_all_see_the_same_snapshots_and_nobody_writes_to_the_sources(compose: dict[str, Any]) -> None:
    for process in ("api", "producer", "worker"):
        service = compose["services"][process]
        sources = [volume for volume in service["volumes"] if isinstance(volume, dict)]
        assert [(volume["target"], volume["read_only"]) for volume in sources] == [("/sources", True)]
        assert f"snapshots:{service['environment']['MIGRATION_SNAPSHOT_DIR']}" in service["volumes"]
        assert service["environment"]["MIGRATION_SOURCE_ROOT"] == "/sources"


def test_every_named_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str)
    }

    assert used == set(compose["volumes"])


def test_ports_are_published_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_stands_on_a_command_line(compose: dict[str, Any]) -> None:
    commands = [
        *procfile().values(),
        *(service.get("command", "") for service in compose["services"].values()),
    ]

    assert [command for command in commands if re.search(r"basic.auth=|TOKEN|PASSWORD|://", command)] == []


def test_flower_does_not_start_without_credentials() -> None:
    assert procfile()["flower"].startswith('test -n "$FLOWER_BASIC_AUTH" || {')
    text = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "FLOWER_BASIC_AUTH: ${FLOWER_BASIC_AUTH:?" in text


def test_an_empty_password_of_flower_leaves_the_others_running() -> None:
    """honcho ends all processes with the first that ends."""
    process = subprocess.Popen(
        ["sh", "-c", procfile()["flower"]],
        env={"PATH": os.environ["PATH"], "FLOWER_BASIC_AUTH": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "FLOWER_BASIC_AUTH must be user:password" in process.stdout.readline()
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_the_image_runs_as_an_unprivileged_user_and_takes_only_what_the_lock_names() -> None:
    stages = (PROJECT / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")

    assert len(stages) == 3, "a build stage, and one that runs"
    assert "--require-hashes" in stages[1]
    assert re.search(r"^USER (?!root)", stages[2], re.MULTILINE)
    assert "--no-index" in stages[2]


def test_the_image_takes_no_data_and_no_secrets() -> None:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()

    assert "*" in lines
    for copied in re.findall(
        r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE
    ):
        for name in copied.split():
            assert f"!{name}" in lines


def test_every_variable_of_the_two_files_is_in_env_example() -> None:
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    text = "".join(
        (PROJECT / name).read_text(encoding="utf-8") for name in ("Procfile", "docker-compose.yml")
    )
    own = {"PYTHON", "HONCHO_PROCESS_NAME"}  # of the person who starts it, and of honcho

    names = set(re.findall(r"(?<!\$)\$\{(\w+)", text)) - own

    assert {name for name in names if not re.search(rf"^(# )?{name}=", example, re.MULTILINE)} == set()
