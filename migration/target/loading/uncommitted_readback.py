"""Reads a whole table back inside a transaction that has not committed: what only its own connection can see.

Slower than `readback.TargetReader`, whose connection sees committed rows alone; the batches are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
import pyarrow as pa

from migration.model import ValueKind
from migration.target.sql_statements import quoted
from migration.value_conversion.value_kinds import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.model import ColumnPlan, TablePlan

# Infinite dates become a number far outside the years 1 to 9999: they differ from every value of a source.
_NO_DATE: Final = 2**31 - 1
_NO_TIME: Final = 2**63 - 1
_CURSOR: Final = "convoy_reread"


def read_uncommitted(
    connection: psycopg.Connection[Any], schema: str, plan: TablePlan, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of ``schema.<plan.target_name>`` as the connection's transaction sees them.

    Args:
        connection: in a transaction.
        schema: the schema that the table is in now, unquoted.
        plan: the table.
        batch_rows: rows to hold in memory at once.

    Yields:
        Logical batches; columns named and ordered as `plan.copied_columns`.
    """
    columns = plan.copied_columns
    fields = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in columns])
    selected = ", ".join(_selected(column) for column in columns) or "NULL::bigint"
    statement = f"SELECT {selected} FROM {quoted(schema, plan.target_name)}"
    with psycopg.ServerCursor(connection, _CURSOR) as cursor:
        cursor.execute(statement.encode(), binary=True)
        while rows := cursor.fetchmany(batch_rows):
            if not columns:
                yield pa.RecordBatch.from_struct_array(pa.nulls(len(rows), pa.struct([])).fill_null({}))
                continue
            arrays = [
                _array(values, column.kind)
                for values, column in zip(zip(*rows, strict=True), columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=fields)


def _selected(column: ColumnPlan) -> str:
    """Return SQL whose Python value makes the column's Arrow type: calendar types as whole numbers."""
    name = quoted(column.target_name)
    if column.kind in (ValueKind.NUMERIC, ValueKind.TEXT, ValueKind.JSON, ValueKind.UUID):
        return f"{name}::pg_catalog.text"
    if column.kind is ValueKind.DATE:
        return (
            f"CASE WHEN isfinite({name}) THEN {name} - DATE '1970-01-01'"
            f" WHEN {name} IS NULL THEN NULL ELSE {_NO_DATE} END"
        )
    if column.kind is ValueKind.TIME:
        return f"(extract(epoch FROM {name}) * 1000000)::bigint"
    if column.kind in (ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ):
        # Before PostgreSQL 14 extract() gives a double, which holds whole seconds exactly, and no more.
        return (
            f"CASE WHEN isfinite({name}) THEN extract(epoch FROM date_trunc('second', {name}))::bigint * 1000000"
            f" + extract(microseconds FROM {name})::bigint % 1000000"
            f" WHEN {name} IS NULL THEN NULL ELSE {_NO_TIME} END"
        )
    return name


def _array(values: tuple[Any, ...], kind: ValueKind) -> pa.Array:
    wanted = ARROW_TYPES[kind]
    if kind is ValueKind.DATE:
        return pa.array(values, pa.int32()).cast(wanted)
    if kind in (ValueKind.TIME, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ):
        return pa.array(values, pa.int64()).cast(wanted)
    return pa.array(values, wanted)
