"""Where a table differs: read both sides again and name the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from migration.ledger.chunk_records import read_orphans
from migration.model import KeyRange
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.run_schema_names import staging_schema
from migration.steps.step_context import read_planned_table
from migration.target.loading.table_readback import TargetReader
from migration.validation.row_comparison import compare_rows
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.batch_size import batch_rows
from migration.value_conversion.orphan_row_removal import OrphanRows

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.ledger.run_records import RunRecord
    from migration.ledger.table_records import TableRecord
    from migration.model import Finding
    from producer.transitions.transition_context import TransitionContext

MOST_ROWS_NAMED = 20
"""Findings of each kind for a table; the rest is counted."""


def find_difference(context: TransitionContext, run: RunRecord, table: TableRecord) -> list[Finding]:
    """Return the missing, extra and differing rows of a table in staging, by key where it has one."""
    with context.engine.connect() as connection:
        planned = read_planned_table(connection, run.id, table.id)
        orphans = read_orphans(connection, table.id)
    plan = planned.plan
    converter = Converter(
        plan.copied_columns, Context(run.options.source_timezone, ask_server=ServerOpinion(context.engine))
    )
    classes = {column.name: planned.profile[column.name].classes for column in plan.copied_columns}
    size = batch_rows(run.options.batch_rows, planned.profile.values())

    def source() -> Iterator[pa.RecordBatch]:
        orphan_rows = OrphanRows(planned.declared, orphans) if orphans else None
        with (
            SnapshotAccess(context.settings) as snapshots,
            SnapshotReader(snapshots.path(planned.source)) as reader,
        ):
            for raw in reader.batches(planned.declared, classes, KeyRange(), size):
                yield converter.convert(raw, orphan_rows).batch

    def target() -> Iterator[pa.RecordBatch]:
        with TargetReader(context.target_url) as reader:
            yield from reader.batches(staging_schema(run, plan.target_schema), plan)

    return compare_rows(source, target, plan, MOST_ROWS_NAMED)
