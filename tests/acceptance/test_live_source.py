"""A whole migration beside an application that commits all the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.live_application import MIDDLE, build_database, fate, living_application
from tests.support.shell import Shell


@pytest.mark.parametrize("command", ["migrate", "dry-run"])
def test_an_application_that_cannot_stop_is_migrated(tmp_path: Path, target_url: str, command: str) -> None:
    shell = Shell(tmp_path, target_url)
    path = tmp_path / "source" / "app.db"
    build_database(path, megabytes=6)
    with living_application(path, pragmas=("wal_autocheckpoint = 50",)) as application:
        status, out, err = shell.run(command, "--source", "source/app.db", "--target-schema", "app")
        told = fate(application)
    assert status == 0, out + err
    assert told.refused == 0
    assert [entry.name for entry in path.parent.iterdir()] == [
        "app.db"
    ]  # the application has ended: no log is left
    if command == "migrate":
        ((children,),) = shell.query("SELECT count(*) FROM app.child")
        assert 0 < children <= told.commits
        assert shell.query("SELECT children FROM app.counter") == [(children,)]
        assert shell.query(f"SELECT children FROM app.parent WHERE id = {MIDDLE}") == [(children,)]
        orphans = "SELECT count(*) FROM app.child WHERE parent_id NOT IN (SELECT id FROM app.parent)"
        assert shell.query(orphans) == [(0,)]
