"""What a dry-run says about time and disk. Pure; rough on purpose, and called an estimate everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from migration.model import Phase, TablePlan
from migration.report.report_model import DryRunReport, PhaseReport
from migration.report.run_facts import TableFacts
from migration.target.sql_statements import quoted

ROW_OVERHEAD_BYTES: Final = 28
"""Tuple header, padded, and line pointer: https://www.postgresql.org/docs/current/storage-page-layout.html"""
INDEX_ENTRY_BYTES: Final = 22
"""A B-tree entry of one 8-byte key at the usual 90 % fill."""
REST_OF_WORK: Final = 1.5
"""Sending, indexing and validating together, in units of the time that reading and converting took (measured)."""

_INDEX_KIND: Final = re.compile(r"index|primary|unique", re.IGNORECASE)


def estimate_disk_bytes(tables: Iterable[TableFacts]) -> int:
    """Return what tables and indexes will take up on the target. The write-ahead log comes on top for a while."""
    total = 0
    for table in tables:
        objects = table.plan.objects if table.plan else ()
        indexes = sum(1 for item in objects if _INDEX_KIND.search(item.kind))
        total += table.bytes + table.rows * (ROW_OVERHEAD_BYTES + INDEX_ENTRY_BYTES * indexes)
    return total


def estimate_seconds(phases: Sequence[PhaseReport]) -> float:
    """Return how long the migration will take: the dry-run's own time, and what it left out."""
    spent = {phase.name: phase.seconds for phase in phases}
    reading = spent.get(Phase.COPYING.value) or spent.get(Phase.PROFILING.value, 0.0)
    return sum(spent.values()) + REST_OF_WORK * reading


def planned_ddl(plans: Sequence[TablePlan]) -> tuple[str, ...]:
    """Return the statements in the order in which a run issues them, in the schema that users will see."""
    statements = [_in_schema(plan.create_sql, plan) for plan in plans]
    staged = sorted(
        ((item.stage, place, item.sql, plan) for place, plan in enumerate(plans) for item in plan.objects),
        key=lambda entry: entry[:2],
    )
    statements.extend(_in_schema(sql, plan) for _, _, sql, plan in staged if sql)
    return tuple(statements)


def _in_schema(sql: str, plan: TablePlan) -> str:
    # str.format would trip over the braces of JSON defaults.
    return sql.replace("{schema}", quoted(plan.target_schema)).strip()


def build_dry_run(
    tables: Sequence[TableFacts], phases: Sequence[PhaseReport], recorded: Mapping[str, Any]
) -> DryRunReport:
    """Return the dry-run's forecast; `recorded` (the event `dry_run`) has the last word where it has a figure."""
    rows = sum(table.rows for table in tables)
    quarantined = sum(table.rows_quarantined for table in tables)
    return DryRunReport(
        estimated_seconds=round(float(recorded.get("estimated_seconds", estimate_seconds(phases))), 1),
        estimated_disk_bytes=int(recorded.get("estimated_disk_bytes", estimate_disk_bytes(tables))),
        would_load=rows - quarantined,
        would_quarantine=quarantined,
        chunks=sum(table.chunks for table in tables),
        ddl=planned_ddl([table.plan for table in tables if table.plan]),
    )
