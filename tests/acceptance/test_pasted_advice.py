"""What a report advises, pasted: it does what it says, and what it costs is said beside it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    return Shell(tmp_path, target_url)


def test_key_that_is_advised_changes_the_table_and_the_advice_says_so(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "k.db")) as connection, connection:
        connection.executescript("CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('a'), ('a')")
    status, out, err = shell.run("migrate", "--source", "k.db", "--target-schema", "k", "--json")
    assert status == 0, err
    report = json.loads(out)
    (advice,) = [one for one in report["recommendations"] if "primary key" in one["title"]]
    assert "`rollback` refuses" in advice["detail"]
    assert "`--ignore extra_column,extra_constraint`" in advice["detail"]

    for statement in advice["commands"]:
        shell.execute(statement)

    validate = ("validate", "--source", "k.db", "--target-schema", "k")
    assert shell.run(*validate)[0] == 1
    assert shell.run(*validate, "--ignore", "extra_column,extra_constraint")[0] == 0
    status, _, err = shell.run("rollback", report["run_id"])
    assert (status, "changed since the cutover" in err) == (2, True), err
