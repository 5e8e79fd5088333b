"""Home Assistant's core with its recorder: states, events and statistics, whose sums go on in PostgreSQL."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences

SCRIPTS = Path(__file__).parent / "home_assistant_scripts"
ROWS = Path(__file__).parent / "mapped_rows.py"
MODELS = "homeassistant.components.recorder.db_schema:Base"


def test_a_house_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    source = application.folder / "home-assistant_v2.db"
    sqlite, postgres = f"sqlite:///{source}", application.sqlalchemy_url("psycopg2")
    ours, theirs = {"HOUSE_DATABASE": sqlite}, {"HOUSE_DATABASE": postgres}
    application.command("python", "house_life.py", "write", also=ours)
    application.variables["HOUSE_LEFT"] = str(time.time())
    before = application.answer("python", "house_life.py", "read", also=ours)
    application.answer("python", "house_life.py", "read", also=theirs)
    rows = application.answer("python", ROWS, MODELS, sqlite)
    assert len(before["states"]) == 4
    assert len(before["statistics"]["grid:again"]) == 48

    application.migrate(source, app="home-assistant")

    after = application.answer("python", ROWS, MODELS, postgres)
    rows.pop("schema_changes")  # left alone: the recorder's own on either side
    after.pop("schema_changes")
    assert differences(rows, after) == []
    assert differences(before, application.answer("python", "house_life.py", "go_on", also=theirs)) == []
