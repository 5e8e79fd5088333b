"""The cutover of a run with --data-only: proved rows go into the application's tables, refused ones into quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.ledger.run_results import add_findings, save_difference, save_objects
from migration.ledger.table_records import planned, read_sources, read_tables
from migration.mapping_file.loss_signatures import signed
from migration.model import OnError
from migration.source_table_names import errors_of_source
from migration.steps.refused_row_quarantine import quarantine_refused, stop_at_refused
from migration.steps.run_schema_names import previous_schema, staging_schema, told_apart
from migration.target.application_tables.data_only_cutover import load_rows
from migration.target.schema_removal import remove_own_schema
from producer.transitions.loss_findings import rewrite_losses

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.table_records import TableRecord
    from migration.settings import Settings


def load_schema(
    connection: Connection, settings: Settings, run: RunRecord, schema: str, tables: list[TableRecord]
) -> dict[str, Any]:
    """Load the tables of one target schema, in the cutover's transaction; return the record for a rollback.

    Raises:
        RejectedValueError: a row is refused, and the run is to stop at the first one.
        TargetChangedError: others have put something into the staging schema, or hung it on what is there.
        ConvoyError: as `load_rows`.
    """
    declared = {
        (source.label, table.name): table.autoincrement_seq or 0
        for source in read_sources(connection, run.id)
        for table in source.schema.tables
    }
    plans = [planned(table) for table in tables]
    by_name = {planned(table).target_name: table.id for table in tables}
    staging = staging_schema(run, schema)
    aborts = run.options.on_error is OnError.ABORT
    loaded = load_rows(
        connection,
        staging_schema=staging,
        previous_schema=previous_schema(run, schema),
        plans=plans,
        if_exists=run.options.if_exists,
        on_conflict=run.options.on_conflict,
        given_out={plan.target_name: declared[plan.source_label, plan.name] for plan in plans},
        first_only=aborts,
        may_fire=run.options.fire_triggers,
    )
    labels = {plan.target_name: run.options.table_names.label(plan.source_label) for plan in plans}
    for refused in loaded.refused:
        with errors_of_source(labels[refused.table]):
            if aborts:
                raise stop_at_refused(connection, settings, run.id, by_name[refused.table], staging, refused)
            quarantine_refused(connection, settings, run.id, by_name[refused.table], staging, refused)
    if loaded.refused:
        rewrite_losses(connection, run, read_tables(connection, run.id))
    remove_own_schema(connection, staging, None, then="resume the run")
    save_objects(connection, run.id, [told_apart(run, schema, result) for result in loaded.results])
    add_findings(connection, run.id, [signed(finding, run.options) for finding in loaded.findings])
    differing = {(finding.source, finding.table) for finding in loaded.findings if finding.is_error}
    for table in tables:
        if (planned(table).source_label, table.name) in differing:
            save_difference(connection, table.id)
    return loaded.record
