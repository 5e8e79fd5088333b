"""The steps of the validating phase: tables are read back by parts of their heap, snapshots hashed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.step_records import NewStep, add_steps
from migration.ledger.table_records import TableRecord, planned, read_sources
from migration.model import Phase
from migration.steps.run_schema_names import staging_schema, target_schemas
from migration.target.loading.table_readback import block_ranges

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord


READBACK_BYTES = 32 * 1024 * 1024
"""Heap that one step reads back, at most."""
_SMALLEST_BYTES = 8 * 1024 * 1024
_PARTS_FOR_EACH_WORKER = 3
"""So many that workers who share a table end at about the same time."""


def lay_out_validating(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> None:
    """Write the steps that read every table back from staging, where its rows stand and change no more.

    And one for each source that hashes its snapshot again, of which no row is read any more.
    """
    new = [
        NewStep(spec={"source_id": source.id}, weight=source.bytes)
        for source in read_sources(connection, run.id)
    ]
    places = [(table, planned(table)) for table in tables]
    for target_schema in target_schemas([plan for _, plan in places]):
        inside = [(table, plan.target_name) for table, plan in places if plan.target_schema == target_schema]
        sizes = {name: part_bytes(table.bytes, run.options.workers) for table, name in inside}
        blocks_of = block_ranges(connection, staging_schema(run, target_schema), sizes)
        new.extend(
            NewStep(
                table_id=table.id,
                spec={"first": block.first, "last": block.last},
                weight=table.bytes // len(blocks_of[name]),
            )
            for table, name in inside
            for block in blocks_of[name]
        )
    add_steps(connection, run.id, Phase.VALIDATING, new)


def part_bytes(table_bytes: int, workers: int) -> int:
    """Return how much of a table's heap one step reads; a heap is somewhat larger than the table in SQLite.

    >>> [part_bytes(megabytes << 20, 2) >> 20 for megabytes in (1, 24, 60, 1000)]
    [8, 8, 10, 32]
    """
    share = table_bytes // (_PARTS_FOR_EACH_WORKER * max(workers, 1))
    return max(_SMALLEST_BYTES, min(READBACK_BYTES, share))
