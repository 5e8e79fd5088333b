"""Orphan rows from the command line, on a running cluster: told by the dry-run, decided by the migration, retried."""

from __future__ import annotations

import json
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.pipeline import Pipeline
from tests.support.shell import Shell

SHOP = """
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE book (id INTEGER PRIMARY KEY, author INT REFERENCES author);
CREATE TABLE page (id INTEGER PRIMARY KEY, book INT NOT NULL REFERENCES book);
INSERT INTO author VALUES (1, 'Ann');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO book SELECT i, CASE WHEN i % 100 = 0 THEN 7 ELSE 1 END FROM n;
INSERT INTO page SELECT id, id FROM book;
"""


@pytest.fixture
def shell(tmp_path: Path, pipeline: Pipeline) -> Shell:
    there = Shell(tmp_path, pipeline.url)
    there.environment["MIGRATION_BROKER_URL"] = pipeline.cluster.broker_url
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(SHOP)
    return there


def run(shell: Shell, *words: str, status: int) -> dict[str, Any]:
    found, out, err = shell.run(*words, "--source", "shop.db", "--json")
    assert found == status, err
    report: dict[str, Any] = json.loads(out)
    return report


def test_dry_run_says_what_the_migration_then_does(shell: Shell) -> None:
    where = ("--target-schema", "cli orphans", "--chunk-rows", "60")
    trial = run(shell, "dry-run", *where, status=1)
    (finding,) = [finding for finding in trial["findings"] if finding["kind"] == "orphan_rows"]
    assert (finding["table"], finding["column"]) == ("book", "author")
    assert "5 rows have no parent row in author (id), for example author = 7 in row 100" in finding["message"]
    assert "the constraint would be NOT VALID" in finding["message"]
    (advice,) = [
        a for a in trial["recommendations"] if a["title"] == "Decide what becomes of the orphan rows"
    ]
    quarantine, set_null = advice["commands"]
    assert set_null.endswith("--on-orphan set-null")

    words = shlex.split(quarantine)[1:]
    assert words[-2:] == ["--on-orphan", "quarantine"]
    status, _, err = shell.run(*words, "--chunk-rows", "60", "--report", "report")
    assert status == 1, err
    report = json.loads((shell.folder / "report" / "report.json").read_text())
    assert {
        t["name"]: (t["rows_source"], t["rows_loaded"], t["rows_quarantined"]) for t in report["tables"]
    } == {
        "author": (1, 1, 0),
        "book": (500, 495, 5),
        "page": (500, 495, 5),
    }
    assert all(table["equal"] for table in report["tables"])
    assert report["options"]["on_orphan"] == "quarantine"
    assert "they went to the quarantine" in (shell.folder / "report" / "report.html").read_text()

    retry = ("quarantine", "retry", report["run_id"])
    status, out, _ = shell.run(*retry)
    assert (status, "Nothing could be stored" in out) == (1, True)
    shell_rows = (
        "WITH x AS (INSERT INTO \"cli orphans\".author VALUES (7, 'Bob') RETURNING 1) SELECT * FROM x"
    )
    assert shell.query(shell_rows) == [(1,)]
    status, out, err = shell.run(*retry)
    assert "Nothing is left in quarantine" in out, err
    assert shell.query('SELECT count(*) FROM "cli orphans".page') == [(500,)]


def test_one_table_says_otherwise_in_a_mapping_file(shell: Shell) -> None:
    (shell.folder / "shop.toml").write_text('[tables.page]\non_orphan = "quarantine"\n', encoding="utf-8")
    words = ("--mapping", "shop.toml", "--on-orphan", "set-null", "--target-schema", "cli cut loose")
    trial = run(shell, "dry-run", *words, "--write-mapping", "all.toml", status=1)
    assert "author would become NULL in them" in trial["findings"][0]["message"]
    assert 'on_orphan = "quarantine"' in (shell.folder / "all.toml").read_text()
    report = run(shell, "migrate", *words, status=1)
    assert [table["rows_quarantined"] for table in report["tables"]] == [0, 0, 0]
    assert all(table["equal"] for table in report["tables"])
    assert shell.query('SELECT count(*) FROM "cli cut loose".book WHERE author IS NULL') == [(5,)]


def test_word_that_is_no_choice_is_status_2(shell: Shell) -> None:
    status, _, err = shell.run("migrate", "--source", "shop.db", "--on-orphan", "delete")
    assert status == 2
    assert "set-null" in err
