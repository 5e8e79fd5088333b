"""What the tests of reported cases share: a proved migration, and what it decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from migration.ledger.run_records import RunRecord
from migration.ledger.table_records import planned, read_tables
from migration.model import Phase, TablePlan
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from tests.support.direct import Direct
from tests.support.proof import prove

Build = Callable[[str], Path]
DONE = (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS)


def migrate(direct: Direct, path: Path, **options: Any) -> tuple[RunRecord, Report]:
    """Migrate, and prove from outside that nothing was lost."""
    run = direct.migrate(path, **options)
    assert run.phase in DONE, run.error
    if not {"mode", "data_only"} & set(options):
        assert prove(path, direct.url, direct.ledger, run) == []
    return run, build_report(direct.ledger, run.id)


def types(direct: Direct, schema: str, table: str = "t") -> dict[str, str]:
    return dict(
        direct.query(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            f' WHERE attrelid = \'"{schema}"."{table}"\'::regclass AND attnum > 0'
        )
    )


def plans(direct: Direct, run: RunRecord) -> dict[str, TablePlan]:
    with direct.ledger.connect() as connection:
        return {table.name: planned(table) for table in read_tables(connection, run.id)}
