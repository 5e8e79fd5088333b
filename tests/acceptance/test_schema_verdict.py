"""What Convoy has made of random databases has the schema that it would make: `validate` does not cry wolf."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from migration.finding_kinds import KIND_FACTS, FindingKind, FindingWeight, VerdictPart, weigh
from migration.ledger.run_records import RunRecord
from migration.model import Mode, ObjectState
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from tests.support.chance import RandomDatabase, databases, options_for
from tests.support.direct import Direct, quiet_steps

DATABASES = 12
_INCOMPLETE = {FindingKind.SKIPPED_OBJECT, FindingKind.MISSING_CONSTRAINT}
"""Of a table that has not all its objects, `migrate` has told it."""
_TOLD_BY_MIGRATE = (
    FindingKind.ORPHAN_ROWS,
    FindingKind.MISSING_CONSTRAINT,
    FindingKind.SEQUENCE,
    FindingKind.SKIPPED_OBJECT,
    FindingKind.FIRST_WRITE_FAILS,
)


def schema_differences(report: Report) -> set[tuple[FindingKind, str]]:
    return {
        (finding.kind, finding.table)
        for finding in report.findings
        if KIND_FACTS[finding.kind].part is VerdictPart.SCHEMA
        and weigh(finding.kind) is FindingWeight.DIFFERENCE
    }


def skipped_objects(report: Report) -> set[str]:
    return {finding.message for finding in report.findings if finding.kind is FindingKind.SKIPPED_OBJECT}


def test_validate_finds_only_what_migrate_has_told(direct: Direct, tmp_path: Path) -> None:
    numbers = itertools.count()

    @seed(77)
    @settings(
        max_examples=DATABASES,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(databases())
    def agrees(database: RandomDatabase) -> None:
        number = next(numbers)
        path = database.build(tmp_path / f"schema{number}.db")
        options = {**options_for(number), "target_schema": f"schema {number}"}
        run = direct.migrate(path, **options)
        if not run.phase.value.startswith("completed"):
            return
        told = build_report(direct.ledger, run.id)
        orphans = {f.table for f in told.findings if f.kind is FindingKind.ORPHAN_ROWS}
        views = {o.name for o in told.objects if o.kind == "view" and o.state is ObjectState.SKIPPED}
        assert schema_differences(told) <= {
            (kind, table) for kind in _TOLD_BY_MIGRATE for table in {f.table for f in told.findings}
        }
        again: RunRecord = direct.migrate(path, mode=Mode.VALIDATE, **options)
        assert again.error is None
        compared = build_report(direct.ledger, again.id)
        found = schema_differences(compared)
        # An object that stayed behind is told in the same words by both.
        assert skipped_objects(compared) <= skipped_objects(told)
        names = {table.target_table: table.name for table in told.tables}
        not_valid = {names.get(table, table) for table in orphans}
        assert {table for kind, table in found if kind is FindingKind.VIEW} <= views
        assert {table for kind, table in found if kind is FindingKind.FOREIGN_KEY_NOT_VALID} <= not_valid
        known = {
            FindingKind.VIEW,
            FindingKind.FOREIGN_KEY_NOT_VALID,
            FindingKind.SEQUENCE,
            FindingKind.SKIPPED_OBJECT,
        }
        incomplete = {f.table for f in told.findings if f.kind in _INCOMPLETE}
        assert {kind for kind, table in found if table not in incomplete} <= known
        direct.forget(again)
        direct.forget(run)

    with quiet_steps():
        agrees()
    assert next(numbers) >= DATABASES
