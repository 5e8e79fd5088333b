"""Compare one source with tables that already stand in the target: the work of a run in mode `validate`."""

from __future__ import annotations

from sqlalchemy import Connection

from migration.ledger.run_records import read_run
from migration.ledger.run_results import add_findings, save_comparison
from migration.ledger.step_records import Step
from migration.ledger.table_records import add_table, read_sources
from migration.source.snapshots.snapshot_creation import check_unchanged
from migration.source_table_names import errors_of_source
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome
from migration.validation.database_comparison import validate_database


def validate_source(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Compare every table of the source that the step names, and store the verdicts and findings."""
    run = read_run(connection, step.run_id)
    source = next(s for s in read_sources(connection, run.id) if s.id == step.spec["source_id"])
    snapshot = context.snapshot_path(source)
    others = [o for s in read_sources(connection, run.id) if s.id != source.id for o in s.schema.names]
    with errors_of_source(run.options.table_names.label(source.label)):
        result = validate_database(snapshot, source.label, context.target_url, run.options, expected=others)
    for table in result.tables:
        table_id, _ = add_table(connection, run.id, source.id, table.name, [])
        save_comparison(
            connection,
            table_id,
            rows_source=table.rows_source,
            rows_target=table.rows_target,
            digest_source=table.digest_source,
            digest_target=table.digest_target,
            equal=table.equal,
            schema_checked=result.schema_checked.get(table.name),
        )
    check_unchanged(snapshot, source.sha256)  # last, when all of it has been read
    add_findings(connection, run.id, result.findings)
    return StepOutcome({"tables": len(result.tables), "equal": result.equal})
