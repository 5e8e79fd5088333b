"""Rows of the quarantine on their way into a table that users see: they wait in a temporary table, numbered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

from migration.convoy_error import Place
from migration.errors import TargetChangedError
from migration.target.application_tables.constraint_violation_queries import NUMBER
from migration.target.application_tables.row_transfer import RowTransfer
from migration.target.cutover.cutover_lock_timeout import LOCK_TIMEOUT
from migration.target.loading.binary_copy import copy_batches
from migration.target.loading.server_checksum import Fingerprint, fingerprint
from migration.target.loading.uncommitted_readback import read_uncommitted
from migration.target.pg_catalog.application_table_facts import read_application_tables
from migration.target.postgres_errors import translate
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg
    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import TablePlan

_TEMPORARY: Final = "pg_temp"


class RetryTable:
    """Rows on their way into one table, numbered from 1 in the order in which they were copied.

    Args:
        connection: in a transaction that the caller commits.
        schema: where the table stands now, unquoted; it is locked against writers.
        plan: the table, under the name that it bears now.
        number: tells the temporary tables of one transaction apart.

    Raises:
        RetryableError: others hold locks on the table for too long.
        TargetPermissionError: the role may not write to it.
        TargetChangedError: it is no table any more.
    """

    def __init__(self, connection: Connection, schema: str, plan: TablePlan, number: int) -> None:
        self._connection = connection
        self._place: Place = {"schema": schema, "table": plan.target_name}
        self._staged = replace(plan, target_name=f"convoy_retry_{number}")
        origin = quoted(_TEMPORARY, self._staged.target_name)
        columns = "".join(f"{quoted(c.target_name)} {c.target_type}, " for c in plan.copied_columns)
        self._run(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        self._run(f"LOCK TABLE {quoted(schema, plan.target_name)} IN SHARE ROW EXCLUSIVE MODE")
        standing = read_application_tables(connection, schema, [plan.target_name]).get(plan.target_name)
        if standing is None:
            raise TargetChangedError("This is no table any more", remedy="Migrate it again", **self._place)
        self._run(f"CREATE TEMP TABLE {origin} ({columns}{NUMBER} bigserial PRIMARY KEY) ON COMMIT DROP")
        self.arrival = RowTransfer.of(plan, standing, origin)
        self._row = f"ROW({', '.join(quoted(name) for name in self.arrival.columns)})::text"
        self._before = fingerprint(connection, standing.own_rows, self._row)

    def copy(self, driver: psycopg.Connection[Any], batches: Iterable[pa.RecordBatch]) -> None:
        """Send rows; they are not in the table yet. `driver` is psycopg's connection below `connection`."""
        try:
            copy_batches(driver, _TEMPORARY, self._staged, batches)
        except Exception as error:
            raise translate(error, **self._place) from error

    def batches(self, driver: psycopg.Connection[Any], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows that wait, as the server has them; after `insert_fitting` these are the ones that got in."""
        return read_uncommitted(driver, _TEMPORARY, self._staged, batch_rows)

    def has_grown_by_these(self) -> bool:
        """Tell whether the table holds what it held before, and the rows that wait, and nothing else."""
        values = ", ".join(self.arrival.value(name) for name in self.arrival.columns)
        came = fingerprint(self._connection, self.arrival.origin, f"ROW({values})::text")
        after = fingerprint(self._connection, self.arrival.table.own_rows, self._row)
        return after == Fingerprint(self._before.rows + came.rows, self._before.checksum + came.checksum)

    def _run(self, statement: str) -> None:
        try:
            run_sql(self._connection, statement)
        except DBAPIError as error:
            raise translate(error, **self._place) from error
