"""Real SQLite files that nobody here made: every row equal, or quarantined with its reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg
import pytest

from migration.ledger.table_records import planned, read_sources, read_tables
from migration.model import Phase
from migration.report.report_builder import build_report
from migration.report.text_formatting import printable
from tests.conftest import SHARED_DATABASES
from tests.support.independent import ReportedTable, compare, virtual_tables_with_rows
from tests.support.pipeline import Pipeline

FILES = sorted(
    path
    for path in SHARED_DATABASES.rglob("*")
    if path.is_file() and path.suffix in {".db", ".sqlite", ".gnucash", ".anki2", ".mbtiles", ".gpkg"}
)


@pytest.mark.shared
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_real_database_arrives_whole(pipeline: Pipeline, path: Path) -> None:
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    run = pipeline.migrate(path, target_schema=f"{path.parent.name} {path.stem}")
    assert run.phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS), run.error
    report = build_report(pipeline.ledger, run.id)
    quarantined = {table.name: table.rows_quarantined for table in report.tables}
    with pipeline.ledger.connect() as connection:
        (source,) = read_sources(connection, run.id)
        # Not from the report: it shows control characters in names escaped.
        plans = [planned(table) for table in read_tables(connection, run.id)]
    assert [printable(plan.name) for plan in plans] == [table.name for table in report.tables]
    assert virtual_tables_with_rows(path) <= {plan.name for plan in plans}
    with psycopg.connect(pipeline.url) as connection:
        problems = [
            problem
            for plan in plans
            for problem in compare(
                Path(source.snapshot),
                connection,
                ReportedTable(
                    plan.name,
                    plan.target_schema,
                    plan.target_name,
                    tuple((column.name, column.target_name, column.target_type) for column in plan.columns),
                    quarantined[printable(plan.name)],
                ),
            )
        ]
    assert problems == []
    assert all(table.equal for table in report.tables)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


@pytest.mark.shared
def test_folder_of_real_databases_was_found_where_it_is_there(shared_databases: Path) -> None:
    assert len(FILES) >= 20, shared_databases
