"""What an alert says to do can be typed as it stands: the command exists, and so do its modules, queues and paths."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import yaml

from api.app import create_app
from api.authentication import PUBLIC_PATHS
from migration.process_launcher import NEEDED_SECRETS
from migration.queue import CONTROL_QUEUE, COPY_QUEUE
from producer.cli.app import commands
from tests.support.api import ApiClient, api_settings

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "convoy_alerts.yml"
RULES = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
ACTIONS = {rule["alert"]: rule["annotations"]["action"] for rule in RULES}
OF_THE_SYSTEM = {"journalctl"}
LABELS = {"{{ $labels.instance }}": "api.test", "{{ $labels.target }}": "shop"}


def commands_in(action: str) -> list[list[str]]:
    for label, value in LABELS.items():
        action = action.replace(label, value)
    return [shlex.split(found) for found in re.findall(r"`([^`]+)`", action)]


@pytest.mark.parametrize("alert", ACTIONS)
def test_an_action_names_a_command_that_there_is(alert: str) -> None:
    found = commands_in(ACTIONS[alert])
    assert found
    for program, *words in found:
        if program == "migration-cli":
            check_command(words)
        elif program == ".venv/bin/python":
            check_process(words)
        elif program == "curl":
            check_request(words)
        else:
            assert program in OF_THE_SYSTEM


def check_command(words: list[str]) -> None:
    name, *arguments = words
    command = commands.get_command(click.Context(commands), name)
    assert command is not None, name
    command.make_context(name, list(arguments))  # raises where an argument lacks


def check_process(words: list[str]) -> None:
    assert words[:2] == ["-m", "migration.process_launcher"]
    assert words[2] in NEEDED_SECRETS
    assert words[3:5] == ["-m", "celery"]
    assert importlib.util.find_spec(words[words.index("-A") + 1]) is not None
    assert words[words.index("-Q") + 1] in {CONTROL_QUEUE, COPY_QUEUE}


def check_request(words: list[str]) -> None:
    """A path that is there, and that asks for a token where none is shown."""
    (url,) = [word for word in words if word.startswith("http")]
    path = urlsplit(url).path
    answer = ApiClient(create_app(api_settings(None))).get(path)
    assert answer.status_code != 404
    assert (answer.status_code == 401) == (path not in PUBLIC_PATHS)
    assert ("-H" in words) == (path not in PUBLIC_PATHS)


@pytest.mark.parametrize(
    "action", ["`migration-cli resume`", "`migration-cli stauts`", "`curl http://a/redyz`"]
)
def test_an_action_that_is_wrong_is_found(action: str) -> None:
    (words,) = commands_in(action)
    check = check_request if words[0] == "curl" else check_command
    with pytest.raises((AssertionError, click.ClickException)):
        check(words[1:])
