"""Rows of the quarantine whose values fit, and that are too large for the server as a whole: tried, and undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa
from sqlalchemy import Connection

from migration.model import TablePlan
from migration.steps.refusal_tolerant_copy import TolerantLoad
from migration.target.application_tables.row_refusal_errors import Refusal
from migration.target.sql_statements import driver_connection, quoted, run_sql

_TEMPORARY = "pg_temp"
_NAME = "convoy_row_size_trial"


def refused_for_size(
    connection: Connection, plan: TablePlan, batches: Iterable[pa.RecordBatch]
) -> dict[int, Refusal]:
    """Return the rows that the server does not take, by their numbers from 0 over all batches.

    Args:
        connection: in a transaction that the caller ends, and stays usable; nothing is left of the trial.
        plan: the table that the rows are to go into.
        batches: its rows, as they would be copied.
    """
    columns = ", ".join(f"{quoted(c.target_name)} {c.target_type}" for c in plan.copied_columns)
    attempt = connection.begin_nested()
    run_sql(connection, f"CREATE TEMP TABLE {quoted(_TEMPORARY, _NAME)} ({columns})")
    trial = TolerantLoad(
        connection, driver_connection(connection), _TEMPORARY, replace(plan, target_name=_NAME)
    )
    refused: dict[int, Refusal] = {}
    first = 0
    for batch in batches:
        refused |= {first + place: refusal for place, refusal in trial.load(batch).items()}
        first += batch.num_rows
    attempt.rollback()
    return refused
