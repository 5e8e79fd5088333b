"""Where a table differs: read both sides again and name the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from migration.ledger.chunks import read_orphans
from migration.mapping.batch import batch_rows
from migration.mapping.convert import Context, Converter
from migration.mapping.orphan_rows import OrphanRows
from migration.model import KeyRange
from migration.source.reader import SnapshotReader
from migration.steps.context import read_planned_table
from migration.steps.schemas import staging_schema
from migration.target.readback import TargetReader
from migration.validation.compare import compare_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.ledger.contents import TableRecord
    from migration.ledger.runs import RunRecord
    from migration.model import Finding
    from producer.workspace import Workspace

MOST_ROWS_NAMED = 20
"""Findings of each kind for a table; the rest is counted."""


def find_difference(workspace: Workspace, run: RunRecord, table: TableRecord) -> list[Finding]:
    """Return the missing, extra and differing rows of a table in staging, by key where it has one."""
    with workspace.engine.connect() as connection:
        planned = read_planned_table(connection, run.id, table.id)
        orphans = read_orphans(connection, table.id)
    plan = planned.plan
    converter = Converter(plan.copied_columns, Context(run.options.source_timezone))
    classes = {column.name: planned.profile[column.name].classes for column in plan.copied_columns}
    size = batch_rows(run.options.batch_rows, planned.profile.values())

    def source() -> Iterator[pa.RecordBatch]:
        orphan_rows = OrphanRows(planned.declared, orphans) if orphans else None
        with SnapshotReader(Path(planned.source.snapshot)) as reader:
            for raw in reader.batches(planned.declared, classes, KeyRange(), size):
                yield converter.convert(raw, orphan_rows).batch

    def target() -> Iterator[pa.RecordBatch]:
        with TargetReader(workspace.target_url) as reader:
            yield from reader.batches(staging_schema(run, plan.target_schema), plan)

    return compare_rows(source, target, plan, MOST_ROWS_NAMED)
