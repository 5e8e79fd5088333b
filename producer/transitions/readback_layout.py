"""The steps of the validating phase: tables are read back by parts of their heap, snapshots hashed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.step_records import NewStep, add_steps
from migration.ledger.table_records import TableRecord, planned, read_sources
from migration.model import Phase
from migration.steps.run_schema_names import staging_schema
from migration.target.loading.table_readback import block_ranges

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord


READBACK_BYTES = 32 * 1024 * 1024
"""Heap that one step reads back."""


def lay_out_validating(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> None:
    """Write the steps that read every table back from staging, where its rows stand and change no more.

    And one for each source that hashes its snapshot again, of which no row is read any more.
    """
    new = [
        NewStep(spec={"source_id": source.id}, weight=source.bytes)
        for source in read_sources(connection, run.id)
    ]
    for table in tables:
        plan = planned(table)
        schema = staging_schema(run, plan.target_schema)
        blocks = block_ranges(connection, schema, plan.target_name, READBACK_BYTES)
        new.extend(
            NewStep(
                table_id=table.id,
                spec={"first": block.first, "last": block.last},
                weight=table.bytes // len(blocks),
            )
            for block in blocks
        )
    add_steps(connection, run.id, Phase.VALIDATING, new)
