"""Columns that the source does not have, of tables whose triggers rested while the rows went in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import ObjectResult
    from migration.target.application_tables.row_transfer import RowTransfer


def unfilled_columns_told(
    connection: Connection, results: Sequence[ObjectResult], arrivals: Sequence[RowTransfer]
) -> list[ObjectResult]:
    """Return the lines of the report with those columns that may have been left to a trigger which rested.

    Args:
        connection: in the transaction that has inserted the rows.
        results: the lines of triggers that rested, among others.
        arrivals: the tables and the columns that were loaded.
    """
    by_name = {arrival.table.name: arrival for arrival in arrivals}
    told = []
    for line in results:
        arrival = by_name.get(line.owner)
        columns = _empty_columns(connection, arrival) if line.kind == "trigger" and arrival else []
        told.append(replace(line, reason=_told(line.reason, columns)) if columns else line)
    return told


def _empty_columns(connection: Connection, arrival: RowTransfer) -> list[str]:
    """Return the columns that hold nothing in any row, and that the source does not have."""
    missing = [
        column.name
        for column in arrival.table.columns
        if column.name not in arrival.columns and not column.is_generated
    ]
    if not missing:
        return []
    filled = ", ".join(f"count({quoted(name)})" for name in missing)
    rows = run_sql(connection, f"SELECT count(*), {filled} FROM {arrival.table.own_rows}").one()
    return [name for place, name in enumerate(missing, 1) if rows[0] and not rows[place]]


def _told(reason: str, columns: Sequence[str]) -> str:
    return f"{reason}; empty since then, should it be what fills them: {', '.join(columns)}"
