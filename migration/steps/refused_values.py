"""Rows that a staging table does not take: found by trying, and told as values that cannot be stored.

Convoy knows the limits of the types that it sends, and a server knows more of them. So where it refuses a row, the
chunk is copied once more, and each batch is tried first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError

from migration.model import Rejection, StorageClass
from migration.target.application_tables.row_refusal_errors import Refusal, halve, refusal_of, speaks_of_a_row
from migration.target.loading.binary_copy import copy_batches
from migration.target.sql_statements import driver_connection
from migration.value_conversion.row_conversion import key_value, original_bytes, stored_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import TablePlan
    from migration.value_conversion.raw_batch import RawBatch


class CopyTrial:
    """Sends batches into a staging table, in transactions that are rolled back.

    Args:
        connection: of its own; that of the step has a transaction open.
        schema: the staging schema, unquoted.
        plan: the table.
    """

    def __init__(self, connection: Connection, schema: str, plan: TablePlan) -> None:
        self._connection = connection
        self._schema = schema
        self._plan = plan

    def refusals(self, batch: pa.RecordBatch) -> dict[int, Refusal]:
        """Return the rows of a batch that the server refuses, with the columns at fault by their names in the target.

        Raises:
            ConvoyError: something other than a row is wrong.
        """
        found = halve(
            [(0, batch.num_rows - 1)] if batch.num_rows else [],
            lambda first, last: self._attempt(self._plan, batch.slice(first, last - first + 1)),
        )
        return {row: self._at_fault(batch.slice(row, 1), refusal) for row, refusal in found.items()}

    def _at_fault(self, row: pa.RecordBatch, refusal: Refusal) -> Refusal:
        """Name the columns that are refused in the same words when they come alone; all where none is."""
        columns = self._plan.copied_columns
        guilty = []
        for number, column in enumerate(columns):
            alone = self._attempt(replace(self._plan, columns=(column,)), row.select([number]))
            if alone is not None and alone.reason == refusal.reason:
                guilty.append(column.target_name)
        return replace(refusal, columns=tuple(guilty or (column.target_name for column in columns)))

    def _attempt(self, plan: TablePlan, batch: pa.RecordBatch) -> Refusal | None:
        driver = driver_connection(self._connection)
        try:
            copy_batches(driver, self._schema, plan, [batch])
        except psycopg.Error as error:
            return refusal_of(_as_database_error(error), table=plan.name)
        finally:
            driver.rollback()
        return None


def is_refusal(error: psycopg.Error) -> bool:
    """Tell whether an error of a COPY means that the server does not take a row."""
    return speaks_of_a_row(_as_database_error(error))


def _as_database_error(error: psycopg.Error) -> DBAPIError:
    return DBAPIError("COPY", None, error)


def refused_values(
    raw: RawBatch, row: int, refusal: Refusal, names: Mapping[str, str]
) -> Iterator[Rejection]:
    """Yield what a refused row held in the columns at fault, as the source stores it.

    Args:
        raw: the batch as it was read.
        row: its place there.
        refusal: with the columns, by their names in the target.
        names: name in the target → name in the source.
    """
    key = tuple(key_value(part, row) for part in raw.keys)
    for name in refusal.columns:
        storage_class, original = _stored(raw.slots.get(names[name], {}), row)
        yield Rejection(key, names[name], storage_class, original, refusal.reason)


def _stored(slots: Mapping[StorageClass, pa.Array], row: int) -> tuple[StorageClass, bytes]:
    """Return the storage class and the original bytes of one value."""
    for storage_class, values in slots.items():
        value = stored_value(values, row)
        if value is not None:
            return storage_class, original_bytes(value)
    return StorageClass.NULL, b""
