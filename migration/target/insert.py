"""Puts rows into a table that users see, and keeps out those that its constraints refuse, one by one.

The rows come by COPY into a temporary table of the transaction. From there they go over in one statement; where that
is refused, the half that holds the culprit is found by halving, each try in a savepoint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

from migration.target.connect import translate
from migration.target.copy import copy_batches
from migration.target.statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg
    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import TablePlan

_NUMBER: Final = "convoy_row_number"
# What speaks of a row: data exception, integrity constraint, program limit (a value too long for an index).
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_ROW_IS_REFUSED: Final = ("22", "23", "54")
_LOCK_TIMEOUT: Final = "10s"


class Inserter:
    """Rows on their way into one table, numbered from 1 in the order in which they were copied.

    Args:
        connection: in a transaction that the caller commits.
        schema: where the table stands now, unquoted; it is locked against writers.
        plan: the table, under the name that it bears now.
        number: tells the temporary tables of one transaction apart.

    Raises:
        RetryableError: others hold locks on the table for too long.
        TargetPermissionError: the role may not write to it.
    """

    def __init__(self, connection: Connection, schema: str, plan: TablePlan, number: int) -> None:
        self._connection = connection
        self._target = quoted(schema, plan.target_name)
        self._names = [quoted(column.target_name) for column in plan.copied_columns]
        self._staged = replace(plan, target_name=f"convoy_retry_{number}")
        self._where = f"table {plan.target_name}"
        columns = ", ".join(self._names)
        self._run(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        self._run(f"LOCK TABLE {self._target} IN SHARE ROW EXCLUSIVE MODE")
        self._run("SET CONSTRAINTS ALL IMMEDIATE")
        self._run(
            f"CREATE TEMP TABLE {quoted(self._staged.target_name)} ON COMMIT DROP AS"
            f" SELECT {columns} FROM {self._target} WITH NO DATA"
        )
        self._run(
            f"ALTER TABLE {quoted('pg_temp', self._staged.target_name)} ADD {_NUMBER} bigserial PRIMARY KEY"
        )

    def copy(self, driver: psycopg.Connection[Any], batches: Iterable[pa.RecordBatch]) -> None:
        """Send rows; they are not in the table yet. `driver` is psycopg's connection below `connection`."""
        try:
            copy_batches(driver, "pg_temp", self._staged, batches)
        except Exception as error:
            raise translate(error, self._where) from error

    def insert(self, spans: Sequence[tuple[int, int]]) -> dict[int, str]:
        """Move rows of these spans of numbers (both ends included) into the table.

        Returns:
            Number → reason of each row that a constraint refuses.
        """
        refused: dict[int, str] = {}
        waiting = list(reversed(spans))
        while waiting:
            first, last = waiting.pop()
            reason = self._try(first, last)
            if reason is None:
                continue
            if first == last:
                refused[first] = reason
                continue
            middle = (first + last) // 2
            waiting += [(middle + 1, last), (first, middle)]
        return refused

    def _try(self, first: int, last: int) -> str | None:
        columns = ", ".join(self._names)
        statement = (
            f"INSERT INTO {self._target} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns}"
            f" FROM {quoted('pg_temp', self._staged.target_name)}"
            f" WHERE {_NUMBER} BETWEEN {first} AND {last} ORDER BY {_NUMBER}"
        )
        try:
            with self._connection.begin_nested():
                run_sql(self._connection, statement)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None) or ""
            if not state.startswith(_ROW_IS_REFUSED):
                raise translate(error, self._where) from error
            return str(error.orig).splitlines()[0].strip()
        return None

    def advance_sequences(self, plan: TablePlan, schema: str) -> None:
        """Set the sequences of identity columns past the highest number, where they are not there yet."""
        for column in plan.copied_columns:
            if not column.identity:
                continue
            name = quoted(column.target_name)
            found = self._connection.exec_driver_sql(
                "SELECT pg_catalog.pg_get_serial_sequence(%s, %s)", (self._target, column.target_name)
            ).scalar()
            if found is not None:
                self._run(
                    f"SELECT pg_catalog.setval('{str(found).replace(chr(39), chr(39) * 2)}', greatest("
                    f"(SELECT max({name}) FROM {quoted(schema, plan.target_name)}),"
                    f" (SELECT last_value FROM {found})))"
                )

    def _run(self, statement: str) -> None:
        try:
            run_sql(self._connection, statement)
        except DBAPIError as error:
            raise translate(error, self._where) from error
