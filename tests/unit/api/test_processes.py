"""Procfile, docker-compose.yml and Dockerfile describe the same cluster. No container engine runs here."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from migration.process_launcher import ALL_SECRETS, NEEDED_SECRETS
from migration.settings import PREFIX, Settings

PROJECT = Path(__file__).resolve().parents[3]
OURS = ("api", "producer", "worker", "flower")
IN_A_CONTAINER = {"PYTHON": "python", "FLOWER_ADDRESS": "0.0.0.0"}  # noqa: S104 - Flower inside its container


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace ${NAME:-default}, ${NAME:?message}, ${NAME:+word} and ${NAME}, nested too, as Docker Compose does."""

    def value(found: re.Match[str]) -> str:
        name, operator, word = found[1], found[2], found[3]
        if operator == ":+":
            return word if env.get(name) else ""
        return env.get(name) or (word if operator == ":-" else f"<{name}>")

    innermost = re.compile(r"\$\{(\w+)(?:(:-|:\?|:\+)([^${}]*))?\}")
    while innermost.search(text):
        text = innermost.sub(value, text)
    return text


def procfile() -> dict[str, str]:
    lines = (PROJECT / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def composed(env: Mapping[str, str]) -> dict[str, Any]:
    text = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(expand(text, env))
    return read


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return composed({})


def command_of(process: str) -> list[str]:
    """Return the words of a Procfile command without its launcher: containers are given what they need one by one."""
    python, *words = shlex.split(expand(procfile()[process], IN_A_CONTAINER))
    assert words[:3] == ["-m", "migration.process_launcher", process]
    return [python, *words[3:]]


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


@pytest.mark.parametrize("process", OURS)
def test_each_service_has_the_secrets_that_its_process_needs_and_no_other(
    compose: dict[str, Any], process: str
) -> None:
    service = compose["services"][process]

    given = set(service["environment"]) & ALL_SECRETS

    assert "env_file" not in service
    assert given <= NEEDED_SECRETS[process]
    assert ("MIGRATION_TARGET_PASSWORD" in given) == (process in {"api", "producer", "worker"})
    assert ("FLOWER_BASIC_AUTH" in given) == (process == "flower")


@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_the_token_goes_to_the_api_and_where_there_is_a_stage_to_those_who_show_it(suffix: str) -> None:
    def holders(env: Mapping[str, str]) -> set[str]:
        services = composed(env)["services"]
        return {
            name
            for name, service in services.items()
            if service.get("environment", {}).get(variable) == "hidden"
        }

    variable = f"MIGRATION_API_TOKEN{suffix}"
    assert holders({variable: "hidden"}) == {"api"}
    stage = {"MIGRATION_STAGE_URL": "http://10.0.0.5:8000"}
    assert holders({variable: "hidden", **stage}) == {"api", "producer", "worker"}


def test_secrets_in_files_need_no_edit(compose: dict[str, Any]) -> None:
    """Each secret that a service is given may come from a file instead, and the folder of such files is mounted."""
    assert "<" not in str([service.get("environment") for service in compose["services"].values()])
    files = {
        f"{name}_FILE"
        for name in ("MIGRATION_API_TOKEN", "MIGRATION_TARGET_PASSWORD", "MIGRATION_SOURCE_URLS")
    }
    for process in OURS:
        service = compose["services"][process]
        given = set(service["environment"])
        assert {
            name for name in files | {"FLOWER_BASIC_AUTH_FILE"} if name.removesuffix("_FILE") in given
        } <= given
        assert "config:/etc/convoy:ro" in service["volumes"]
    postgres = compose["services"]["postgres"]
    assert "POSTGRES_PASSWORD_FILE" in postgres["environment"]
    assert "config:/etc/convoy:ro" in postgres["volumes"]
    own = composed({"CONVOY_CONFIG_DIR": "/srv/convoy"})["services"]
    assert "/srv/convoy:/etc/convoy:ro" in own["worker"]["volumes"]


def test_the_file_of_targets_reaches_all_that_serve_them() -> None:
    services = composed({"MIGRATION_TARGETS_FILE": "/etc/convoy/targets.toml"})["services"]
    for process in ("api", "producer", "worker"):
        named = services[process]["environment"]["MIGRATION_TARGETS_FILE"]
        folders = [v.split(":")[1] for v in services[process]["volumes"] if isinstance(v, str)]
        assert str(Path(named).parent) in folders


@pytest.mark.parametrize(("login", "status"), [("", 0), ("me:hidden-word", 1)])
def test_flower_without_a_login_is_no_sick_container(
    compose: dict[str, Any], login: str, status: int
) -> None:
    """With one, it has to answer; nothing does so here."""
    _, *command = compose["services"]["flower"]["healthcheck"]["test"]
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        words = [word.replace(":5555/", f":{reserved.getsockname()[1]}/") for word in command[1:]]
        done = subprocess.run(
            [sys.executable, *words],
            cwd=PROJECT,
            env={"PATH": "/usr/bin:/bin", "FLOWER_BASIC_AUTH": login},
            capture_output=True,
            check=False,
        )

    assert done.returncode == status


def test_no_other_server_sees_a_secret_of_the_api(compose: dict[str, Any]) -> None:
    for process in ("redis", "postgres"):
        assert set(compose["services"][process].get("environment", {})) & ALL_SECRETS == set()


def test_a_service_may_be_given_every_setting_that_env_example_lists(compose: dict[str, Any]) -> None:
    given = {name for service in compose["services"].values() for name in service.get("environment", {})}
    on_this_machine_only = {
        f"{PREFIX}{name.upper()}"
        for name in Settings.model_fields
        if name.endswith("_file")
        or name in {"embedded_dir", "log_dir", "signing_key", "state_dir", "target_url"}
    }

    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}

    assert settings - given <= on_this_machine_only


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
