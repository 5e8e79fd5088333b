"""A lending library on TypeORM, in JavaScript: UUIDs, JSON, enums, times, decimals, bytes, trees."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences, part_of_url

SCRIPTS = Path(__file__).parent / "typeorm_scripts"


def test_a_library_on_typeorm_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    (application.folder / "node_modules").symlink_to(application.environment / "node_modules")
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    application.variables |= {name: part_of_url(application.target_url, part) for name, part in names.items()}
    life = ("node", "library_life.js")
    assert application.answer(*life, "sqlite", "make") == ["Tables1719326078574"]
    application.command(*life, "sqlite", "write")
    before = application.answer(*life, "sqlite", "read")
    assert (len(before["users"]), len(before["books"])) == (3, 303)
    application.command(*life, "postgres", "make")

    application.migrate(application.folder / "library.sqlite3", app="typeorm")

    assert differences(before, application.answer(*life, "postgres", "read")) == []
    new = application.answer(*life, "postgres", "go_on")
    assert new == {"id": 304, "version": 2, "restored": 1, "dark": 1, "depth": 4, "pending": False}
