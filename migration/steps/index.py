"""Build what stands on the rows: keys, indexes, checks and sequences, then foreign keys, then views."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from migration.ledger.contents import add_findings, planned, read_table, read_tables, save_objects
from migration.ledger.steps import Step
from migration.model import Finding, ObjectResult
from migration.steps.context import StepContext
from migration.steps.schemas import staging_schema, told_apart
from migration.target.objects import build_object
from migration.target.statements import quoted, run_sql

_LARGE_BYTES = 32 * 1024 * 1024
"""Smaller tables sort in the memory that every server gives."""
# Sized to the server, of which its shared_buffers tell: all that build at the same time take half as much together.
_SORT_MEMORY = text(
    """
    SELECT set_config('maintenance_work_mem', greatest(
        pg_size_bytes(current_setting('maintenance_work_mem')) / 1024,
        least(1048576, pg_size_bytes(current_setting('shared_buffers')) / 1024 / (2 * :builders))
    ) || 'kB', true)
    """
)


def build_objects(context: StepContext, connection: Connection, step: Step) -> dict[str, Any]:
    """Build the objects of one stage: of one table, or of all tables where the step names none.

    Foreign keys lock two tables at once, so one step builds them all, in order, and cannot deadlock with itself.
    """
    run = context.run(connection, step.run_id)
    records = (
        [read_table(connection, step.table_id)]
        if step.table_id is not None
        else read_tables(connection, step.run_id)
    )
    if sum(table.bytes for table in records) > _LARGE_BYTES:
        connection.execute(_SORT_MEMORY, {"builders": max(1, run.options.workers)})
    results: list[ObjectResult] = []
    found: list[Finding] = []
    for table in records:
        plan = planned(table)
        schema = staging_schema(run, plan.target_schema)
        for item in plan.objects:
            if item.stage == step.stage:
                result, findings = build_object(connection, item, schema)
                results.append(told_apart(run, plan.target_schema, result))
                found.extend(findings)
        if step.table_id is not None:
            run_sql(connection, f"ANALYZE {quoted(schema, plan.target_name)}")
    save_objects(connection, run.id, results)
    add_findings(connection, run.id, found)
    return {"objects": len(results)}
