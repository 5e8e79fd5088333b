"""Read back a part of a target table and sum its digest."""

from __future__ import annotations

from sqlalchemy import Connection

from migration.errors import InternalError
from migration.ledger.step_records import Step
from migration.steps.run_schema_names import staging_schema
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome
from migration.target.loading.table_readback import Block
from migration.validation.row_digest import DigestSum


def read_back_part(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Return rows and checksum of the heap blocks that the step names."""
    if step.table_id is None:
        raise InternalError("A step that reads back names no table", step=step.id)
    table = context.planned_table(connection, step.run_id, step.table_id)
    schema = staging_schema(table.run, table.plan.target_schema)
    block = Block(step.spec["first"], step.spec["last"])
    total = DigestSum()
    for batch in context.target_reader().batches(schema, table.plan, block):
        total.add(batch, table.plan.copied_columns)
    digest = total.digest()
    return StepOutcome({"rows": digest.rows, "checksum": digest.checksum}, table.plan.name, digest.rows)
