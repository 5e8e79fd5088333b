"""Build what stands on the rows: keys, indexes, checks and sequences, then foreign keys, then views."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from migration.ledger.contents import add_findings, planned, read_table, read_tables, save_objects
from migration.ledger.steps import Step
from migration.model import Finding, ObjectResult
from migration.steps.context import StepContext
from migration.steps.schemas import staging_schema, told_apart
from migration.target.objects import build_object
from migration.target.statements import quoted, run_sql


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
