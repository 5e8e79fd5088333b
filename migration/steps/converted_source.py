"""The rows of a table as a run has loaded them: read from its snapshot once more, and converted by its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from migration.model import KeyRange, Orphans
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.batch_size import batch_rows
from migration.value_conversion.orphan_row_removal import OrphanRows

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.steps.step_context import PlannedTable
    from migration.value_conversion.rules.conversion_rule import AskServer


def converted_rows(
    table: PlannedTable,
    orphans: Sequence[Orphans],
    snapshots: SnapshotAccess,
    ask_server: AskServer | None = None,
    key_range: KeyRange | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the logical batches of a table, or of a range of its keys; rows that the conversion keeps out are left out.

    Raises:
        SnapshotLostError: the snapshot is not on this host, and cannot be fetched.
    """
    columns = table.plan.copied_columns
    converter = Converter(columns, Context(table.run.options.source_timezone, ask_server=ask_server))
    classes = {column.name: table.profile[column.name].classes for column in columns}
    size = batch_rows(table.run.options.batch_rows, table.profile.values())
    leaving = OrphanRows(table.declared, list(orphans)) if orphans else None
    with SnapshotReader(snapshots.path(table.source)) as reader:
        for raw in reader.batches(table.declared, classes, key_range or KeyRange(), size):
            yield converter.convert(raw, leaving).batch
