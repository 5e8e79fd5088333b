"""A Hub with users who sign up with passwords, their tokens, groups and servers: started on one side and the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.applications.application_run import ApplicationRun, answers, differences, free_port

SCRIPTS = Path(__file__).parent / "jupyterhub_scripts"
ROWS = Path(__file__).parent / "mapped_rows.py"
MODELS = "jupyterhub.orm,nativeauthenticator.orm:Base"


def test_a_hub_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    port = free_port(with_the_next=True)
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
        return answers(f"http://127.0.0.1:{port}/hub/health")

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
