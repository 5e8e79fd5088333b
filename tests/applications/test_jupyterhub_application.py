"""A Hub with users who sign up with passwords, their tokens, groups and servers: started on one side and the other."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.error
import urllib.request
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences

SCRIPTS = Path(__file__).parent / "jupyterhub_scripts"
ROWS = Path(__file__).parent / "mapped_rows.py"
MODELS = "jupyterhub.orm,nativeauthenticator.orm:Base"


def free_ports() -> int:
    """Return the first of two ports that are free now."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two ports beside each other are free")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/hub/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_a_hub_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    port = free_ports()
    source = application.folder / "jupyterhub.sqlite"
    ours = {"HUB_DATABASE": f"sqlite:///{source}"}
    theirs = {"HUB_DATABASE": application.sqlalchemy_url("psycopg2")}
    application.variables |= {
        "HUB_FOLDER": str(application.folder),
        "HUB_PORT": str(port),
        "JUPYTERHUB_CRYPT_KEY": "0f" * 32,
    }
    hub = ("jupyterhub", "-f", "hub_settings.py")

    def up() -> bool:
        return answers(port)

    with application.server(*hub, ready=up, also=ours):
        tokens = application.answer("python", "hub_life.py", "write")
    with application.server(*hub, ready=up, also=theirs):
        pass
    before = application.answer("python", ROWS, MODELS, ours["HUB_DATABASE"])
    assert len(before["users"]) == 5
    assert len(before["users_info"]) == 3

    application.migrate(source, app="jupyterhub")

    after = application.answer("python", ROWS, MODELS, theirs["HUB_DATABASE"])
    assert differences(before, after) == []
    with application.server(*hub, ready=up, also=theirs):
        there = application.answer("python", "hub_life.py", "go_on", json.dumps(tokens))
    assert there["users"] == ["ada", "grace", "new", "root", "zoë"]
