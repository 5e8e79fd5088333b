"""A family of tables with orphan rows, and what a test asks of the run that migrates it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from migration.ledger.run_records import RunRecord
from migration.mapping_file_model import OnOrphan
from migration.model import Phase
from migration.report.report_builder import build_report
from migration.report.report_model import FindingReport, Report
from tests.support.direct import Direct
from tests.support.proof import prove

Build = Callable[[str], Path]


FAMILY = """
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, author INT REFERENCES author);
CREATE TABLE page (id INTEGER PRIMARY KEY, book INT REFERENCES book (id) ON DELETE CASCADE);
INSERT INTO author VALUES (1, 'Ann');
INSERT INTO book VALUES (1, 'one', 1), (2, 'two', 99), (3, 'three', NULL), (4, 'four', 98);
INSERT INTO page VALUES (10, 1), (20, 2), (21, 2), (30, 3), (40, 77);
"""


def migrate(direct: Direct, path: Path, on_orphan: OnOrphan, **options: Any) -> tuple[RunRecord, Report]:
    run = direct.migrate(path, on_orphan=on_orphan, **options)
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    if on_orphan is not OnOrphan.SET_NULL and not {"mode", "mapping"} & set(options):
        assert prove(path, direct.url, direct.ledger, run) == []
    return run, build_report(direct.ledger, run.id)


def orphans(report: Report) -> list[FindingReport]:
    return [finding for finding in report.findings if finding.kind == "orphan_rows"]


def keys(direct: Direct, schema: str) -> dict[str, bool]:
    """Whether each foreign key holds for all rows."""
    return dict(
        direct.query(
            "SELECT conname, convalidated FROM pg_constraint"
            f" WHERE contype = 'f' AND connamespace = '\"{schema}\"'::regnamespace"
        )
    )


def quarantined(direct: Direct, run: RunRecord) -> list[tuple[Any, ...]]:
    return direct.query(
        'SELECT t.name, q.key::text, q."column", q.storage_class, q.original, q.reason FROM convoy.quarantine q'
        f" JOIN convoy.tables t ON t.id = q.table_id WHERE q.run_id = '{run.id}' ORDER BY 1, 2, 3"
    )


def assert_proved(report: Report) -> None:
    for table in report.tables:
        assert table.equal, table.name
        assert table.rows_source == table.rows_loaded + table.rows_quarantined, table.name
        assert table.rows_target == table.rows_loaded, table.name
