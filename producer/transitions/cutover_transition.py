"""The cutover: staged tables are put in place in the transaction that ends the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from migration.ledger.ledger_tables import runs
from migration.ledger.run_acts import Act, act_of, last_act, read_acts, this_person
from migration.ledger.table_records import TableRecord, planned, read_sources, read_tables
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.run_schema_names import previous_schema, staging_schema, target_schemas
from migration.target.cutover.schema_cutover import cut_over
from migration.validation.row_hashing import algorithm_name
from producer.transitions.data_only_loading import load_schema
from producer.transitions.run_end import completed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from migration.model import Phase
    from migration.settings import Settings
    from producer.transitions.transition_context import TransitionContext


def bring_snapshots(context: TransitionContext, run: RunRecord) -> None:
    """Have the snapshots here, from which refused rows are read while tables of an application are locked."""
    if run.options.data_only:
        with context.engine.connect() as connection, SnapshotAccess(context.settings) as snapshots:
            for source in read_sources(connection, run.id):
                snapshots.path(source)


def finish_cutting_over(context: TransitionContext, locked: LockedRun, _prepared: None) -> Phase:
    """Show the tables to users: one transaction, together with the run's end."""
    connection, run = locked.connection, locked.record
    tables = read_tables(connection, run.id)
    put_in_place = load_schema if run.options.data_only else _show_tables
    # What a digest of the ledger can be compared with later: hashes of another library differ.
    digest = algorithm_name()
    record = [
        {
            "record": put_in_place(
                connection,
                context.settings,
                run,
                schema,
                [table for table in tables if planned(table).target_schema == schema],
            )
            | {"digest": digest},
            "previous_schema": previous_schema(run, schema),
        }
        for schema in target_schemas([planned(table) for table in tables])
    ]
    connection.execute(update(runs).where(runs.c.id == run.id).values(cutover=record))
    asked = last_act(read_acts(connection, run.id), Act.STARTED, Act.RESUMED)
    done_on = {"producer_host": this_person().host, "digest": digest}
    locked.note(act_of(run.id, Act.CUT_OVER, asked.person if asked else None, done_on))
    return completed(connection, run)


def _show_tables(
    connection: Connection, _settings: Settings, run: RunRecord, schema: str, tables: list[TableRecord]
) -> dict[str, Any]:
    return cut_over(
        connection,
        staging_schema=staging_schema(run, schema),
        previous_schema=previous_schema(run, schema),
        plans=[planned(table) for table in tables],
        if_exists=run.options.if_exists,
    )
