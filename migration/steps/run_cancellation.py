"""Cancel a run: no further step starts, and nothing of it stays behind."""

from __future__ import annotations

from sqlalchemy import Engine

from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_requests import request_cancel
from migration.ledger.table_records import read_tables
from migration.steps.run_schema_names import staging_schema
from migration.target.loading.staging_schema import drop_staging


def cancel_run(engine: Engine, run_id: str) -> None:
    """Stop a run and remove its staging schema; waits for the chunks in flight to end.

    Raises:
        UsageError: the run is at an end already, or unknown.
    """
    request_cancel(engine, run_id)
    with engine.begin() as connection:
        run = read_run(connection, run_id)
    remove_staging(engine, run)


def remove_staging(engine: Engine, run: RunRecord) -> None:
    """Drop whatever the run has built and not shown to users yet."""
    with engine.begin() as connection:
        schemas = {run.staging_schema}
        for table in read_tables(connection, run.id):
            if table.plan is not None:
                schemas.add(staging_schema(run, table.plan.target_schema))
        for schema in sorted(schemas):
            drop_staging(connection, schema)
