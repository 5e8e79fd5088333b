"""A plain migration keeps the checks by which SQLite says that a text is JSON (Django's JSONField, STRICT tables)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.model import Phase
from migration.report.report_builder import build_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.direct import Direct

SETTINGS = """
CREATE TABLE settings (id INTEGER PRIMARY KEY, value TEXT CHECK ((JSON_VALID("value") OR "value" IS NULL)),
    strictly TEXT NOT NULL CHECK (json_valid(strictly) = 1));
"""


def test_check_comes_along_and_holds(direct: Direct, tmp_path: Path) -> None:
    source = tmp_path / "settings.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(SETTINGS)
        connection.execute(
            "INSERT INTO settings VALUES (1, NULL, '[1e400, \"\\u0000\"]'), (2, ' {\"a\": 1}', '3')"
        )
        connection.commit()
    run = direct.migrate(source, target_schema="json_checks")
    assert run.phase is Phase.COMPLETED, [f.message for f in build_report(direct.ledger, run.id).findings]
    with psycopg.connect(direct.url, autocommit=True) as target:
        target.execute("SET search_path = json_checks")
        assert target.execute("SELECT value FROM settings ORDER BY id").fetchall() == [
            (None,),
            (' {"a": 1}',),
        ]
        target.execute("INSERT INTO settings VALUES (3, NULL, 'null')")
        for value, strictly in (("{", "1"), ("", "1"), (None, "x")):
            with pytest.raises(psycopg.DataError, match="json"):
                target.execute("INSERT INTO settings VALUES (4, %s, %s)", (value, strictly))


def test_check_that_rows_break_is_told_and_the_rows_stay(direct: Direct, tmp_path: Path) -> None:
    source = tmp_path / "broken.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(f"PRAGMA ignore_check_constraints = ON; {SETTINGS}")
        connection.execute("INSERT INTO settings VALUES (1, 'no JSON', '{}')")
        connection.commit()
    run = direct.migrate(source, target_schema="json_broken")
    findings = build_report(direct.ledger, run.id).findings
    assert run.error is None
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert len(findings) == 1
    assert "settings_check1" in findings[0].message
    with psycopg.connect(direct.url) as target:
        assert target.execute("SELECT value FROM json_broken.settings").fetchall() == [("no JSON",)]
