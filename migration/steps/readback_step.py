"""Read back parts of target tables and sum their digests."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from migration.errors import InternalError
from migration.ledger.step_records import Step
from migration.model import Digest
from migration.steps.run_schema_names import staging_schema
from migration.steps.step_context import PlannedTable, StepContext
from migration.steps.step_outcome import StepOutcome
from migration.target.loading.table_readback import Block
from migration.validation.row_digest import DigestSum, hash_together


def read_back_part(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Return rows and checksum of the heap blocks that the step names."""
    return read_back_parts(context, connection, [step])[0]


def read_back_parts(context: StepContext, connection: Connection, steps: Sequence[Step]) -> list[StepOutcome]:
    """Return rows and checksums of the heap blocks that steps of one run name."""
    tables = context.planned_tables(connection, steps[0].run_id, {_table_id(step) for step in steps})
    read = [(step, tables[_table_id(step)], DigestSum()) for step in steps]
    for step, table, total in read:
        _read_back(context, step, table, total)
    hash_together(total for _, _, total in read)
    return [_outcome(table, total.digest()) for _, table, total in read]


def _read_back(context: StepContext, step: Step, table: PlannedTable, total: DigestSum) -> None:
    schema = staging_schema(table.run, table.plan.target_schema)
    block = Block(step.spec["first"], step.spec["last"])
    for batch in context.target_reader().batches(schema, table.plan, block, packed=True):
        total.add(batch, table.plan.copied_columns)


def _outcome(table: PlannedTable, digest: Digest) -> StepOutcome:
    return StepOutcome(
        {"rows": digest.rows, "checksum": digest.checksum, "algorithm": digest.algorithm},
        table.plan.name,
        digest.rows,
    )


def _table_id(step: Step) -> int:
    if step.table_id is None:
        raise InternalError("A step that reads back names no table", step=step.id)
    return step.table_id
