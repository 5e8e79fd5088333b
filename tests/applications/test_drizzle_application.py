"""A school on Drizzle, in JavaScript: times and booleans that are numbers in SQLite, tables made by drizzle-kit."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences, part_of_url

SCRIPTS = Path(__file__).parent / "drizzle_scripts"


def test_a_school_on_drizzle_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    (application.folder / "node_modules").symlink_to(application.environment / "node_modules")
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    application.variables |= {name: part_of_url(application.target_url, part) for name, part in names.items()}
    after = {"SCHOOL_DATABASE": "postgres"}
    kit = ("drizzle-kit", "generate", "--schema", "./school_tables.js", "--name", "first")
    application.command(*kit, "--dialect", "sqlite", "--out", "./sqlite")
    application.command(*kit, "--dialect", "postgresql", "--out", "./postgresql", also=after)
    life = ("node", "school_life.js")
    application.command(*life, "make")
    application.command(*life, "write")
    before = application.answer(*life, "read")
    assert (len(before["teachers"]), len(before["courses"])) == (3, 502)
    application.command(*life, "make", also=after)

    application.migrate(application.folder / "school.db", "--data-only")

    assert differences(before, application.answer(*life, "read", also=after)) == []
    assert application.answer(*life, "go_on", also=after) == {"course": 503, "teacher": 4}
