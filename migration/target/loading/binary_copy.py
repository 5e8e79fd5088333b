"""One ``COPY ... FROM STDIN (FORMAT binary)`` per chunk, fed batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from migration.errors import RowsChangedError
from migration.target.loading.copy_encoder import CopyEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg
    import pyarrow as pa

    from migration.model import TablePlan


def copy_batches(
    connection: psycopg.Connection, schema: str, plan: TablePlan, batches: Iterable[pa.RecordBatch]
) -> int:
    """Send batches into ``schema.<plan.target_name>`` and return how many bytes went over the wire.

    The caller owns the transaction. No more than one encoded batch is held in memory.

    Args:
        connection: an open psycopg connection, not in pipeline mode.
        schema: the schema that the table is in now, unquoted.
        plan: the table; its `copied_columns` name the batches' columns, in order.
        batches: logical batches. They are drawn while the COPY runs: what produces them must not use `connection`.

    Raises:
        psycopg.Error: whatever the server says; `connect.translate` makes a ConvoyError of it.
        PermanentError: a batch does not fit its plan, or the server took a different number of rows.
    """
    columns = plan.copied_columns
    statement = sql.SQL("COPY {}{} FROM STDIN (FORMAT binary)").format(
        sql.Identifier(schema, plan.target_name),
        sql.SQL(" ({})").format(sql.SQL(", ").join(sql.Identifier(c.target_name) for c in columns))
        if columns
        else sql.SQL(""),
    )
    encoder = CopyEncoder(columns)
    rows = sent = 0
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            header = encoder.header()
            copy.write(header)
            sent += len(header)
            for batch in batches:
                rows += batch.num_rows
                data = encoder.encode(batch)
                copy.write(memoryview(data))  # cut into pieces by psycopg: of this without copying them
                sent += len(data)
                del batch, data  # not to be held beside the next ones
            trailer = encoder.finish()
            copy.write(trailer)
            sent += len(trailer)
        _check_count(plan, rows, cursor.rowcount)
    return sent


def _check_count(plan: TablePlan, sent: int, stored: int) -> None:
    if stored != sent:
        raise RowsChangedError(
            f"PostgreSQL stored {stored} of {sent} rows that were sent",
            table=plan.target_name,
            remedy="Look for triggers or rules on the table that drop rows",
        )
