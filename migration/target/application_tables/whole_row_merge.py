"""Rows to be merged into a table without a key: nothing tells them apart, but those that are equal need not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.errors import ApplicationTableError
from migration.target.application_tables.computed_columns import canonical
from migration.target.application_tables.merge_count import MergeCount
from migration.target.application_tables.row_transfer import stored_columns
from migration.target.pg_catalog.application_table_facts import holds_rows
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from migration.model import TablePlan
    from migration.target.application_tables.row_transfer import RowTransfer


def take_equal_rows(connection: Connection, plan: TablePlan, arrival: RowTransfer) -> MergeCount:
    """Take the waiting rows out that stand already, whole row by whole row, each as often as it stands.

    Args:
        connection: in a transaction that the caller ends.
        plan: the table, which has no key among the columns that travel.
        arrival: its waiting rows.

    Raises:
        ApplicationTableError: the table has rows, and not all that wait are among them: nobody can say which are new.
    """
    if not holds_rows(connection, arrival.table):
        return MergeCount((), 0, 0, ())
    waiting = f"SELECT {_values(plan, lambda name: arrival.value(name, 'w'))} FROM {arrival.origin} w"
    standing = f"SELECT {_values(plan, lambda name: f't.{quoted(name)}')} FROM {arrival.table.own_rows} t"
    missing = run_sql(
        connection, f"SELECT count(*) FROM ({waiting} EXCEPT ALL {standing}) missing"
    ).scalar_one()
    if missing:
        rows = "1 row of the source does" if missing == 1 else f"{missing:,} rows of the source do"
        raise ApplicationTableError(
            "Rows cannot be merged without a primary key or a unique key over NOT NULL columns:"
            f" {arrival.table.name}, where {rows} not stand yet",
            schema=arrival.table.schema,
            remedy="Give this table a key, empty it, or leave it out with --exclude",
        )
    equal = run_sql(connection, f"DELETE FROM {arrival.origin}").rowcount
    return MergeCount(("the whole row",), int(equal), 0, ())


def _values(plan: TablePlan, value: Callable[[str], str]) -> str:
    return ", ".join(f"{canonical(column, value(column.target_name))}" for column in stored_columns(plan))
