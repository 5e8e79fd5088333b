"""A source's rows as the columns of a standing table would hold them: one side of a validation without a ledger."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from migration.mapping_file.loss_signatures import loss_findings
from migration.mapping_file.mapping_file_conflicts import disagreements
from migration.model import Finding, FindingKind, KeyRange
from migration.validation.loss_count import LossCount
from migration.validation.server_casts import ServerCasts, without_rows
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.batch_size import batch_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import ColumnProfile, TablePlan
    from migration.run_options import RunOptions
    from migration.source.row_reading.snapshot_reader import SnapshotReader
    from migration.source_schema import SourceTable

_VALUES_NAMED: Final = 5
_BATCH_BYTES: Final = 8 << 20


class SourceSide:
    """What a table of the target cannot hold is counted and left out.

    Args:
        reader: of the snapshot.
        table: as the source declares it, with what a mapping file asks for.
        plan: the columns to compare, by the types that stand in the target.
        profiles: what the columns hold.
        options: of the run.
        connection: to the target, which casts what only it can; no transaction stays open.
    """

    def __init__(
        self,
        reader: SnapshotReader,
        table: SourceTable,
        plan: TablePlan,
        profiles: Mapping[str, ColumnProfile],
        options: RunOptions,
        connection: Connection,
    ) -> None:
        self._reader = reader
        self._table = table
        self._source = plan.source_label
        self._columns = plan.copied_columns
        self._options = options
        self._connection = connection
        self._casts = ServerCasts(connection, self._columns)
        self._classes = {column.name: profiles[column.name].classes for column in self._columns}
        self._batch_rows = batch_rows(
            options.batch_rows, (profiles[column.name] for column in self._columns), _BATCH_BYTES
        )
        self.unfit = 0
        self._named: dict[str, list[str]] = {}
        self._counts: Counter[str] = Counter()
        self.losses = LossCount()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the table; `unfit` then tells how many rows were left out."""
        opinion = ServerOpinion(self._connection.engine)
        context = Context(self._options.source_timezone, infinite_numerics=True, ask_server=opinion)
        converter = Converter(self._columns, context)
        self.unfit = 0
        self._named.clear()
        self._counts.clear()
        self.losses = LossCount()
        for raw in self._reader.batches(self._table, self._classes, KeyRange(), self._batch_rows):
            converted = converter.convert(raw)
            self.unfit += converted.rows_rejected
            for rejection in converted.rejections:
                key = f"key {', '.join(map(str, rejection.key))}: "
                self._count(rejection.column, key + rejection.reason)
            cast = self._casts.apply(converted.batch)
            self.unfit += len(cast.refused)
            for column, reason in cast.refused.values():
                self._count(column, reason)
            self.losses.add(raw, converted, cast.lost)
            yield without_rows(cast.batch, list(cast.refused))

    def _count(self, column: str, example: str) -> None:
        self._counts[column] += 1
        if self._counts[column] <= _VALUES_NAMED:
            self._named.setdefault(column, []).append(example)

    def findings(self) -> list[Finding]:
        """Return what the columns' types cannot hold or do not keep: of the source, and wishes of the mapping file."""
        types = {column.name: column.target_type for column in self._columns}
        unfit = [
            (
                name,
                f"{self._counts[name]:,} values cannot stand in a column of type {types[name]}: "
                + "; ".join(named),
            )
            for name, named in self._named.items()
        ]
        asked = {column.name: column.override for column in self._table.columns}
        lost = loss_findings(
            self._source, self._table.name, self.losses.found(), self._options, asked, is_error=True
        )
        wishes = [
            (column.name, problem)
            for column in self._table.columns
            if column.name in types
            for problem in disagreements(column.override, types[column.name])
        ]
        return lost + [
            Finding(FindingKind.TYPE_MISMATCH, self._table.name, message[:1].upper() + message[1:], name)
            for name, message in (*unfit, *wishes)
        ]
