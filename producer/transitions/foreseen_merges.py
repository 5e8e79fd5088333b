"""What a dry-run of `--if-exists merge` has found: rows that stand in the application's tables already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from migration.ledger.chunk_records import read_loaded
from migration.ledger.ledger_tables import steps
from migration.ledger.run_results import add_findings, save_objects
from migration.ledger.table_records import planned
from migration.mapping_file_model import OnConflict
from migration.model import Phase
from migration.steps.run_schema_names import target_schemas, told_apart
from migration.steps.trial_load import MERGED_ROWS
from migration.target.application_tables.merge_count import MergeCount, refuse_conflicts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.table_records import TableRecord


def save_foreseen_merges(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> None:
    """Say of each table how many rows would go in, stand there equal, or differ, as the run will.

    Raises:
        MergeConflictError: rows differ from those that stand under their keys, and nobody has said whose count.
    """
    counts = _counts(connection, run)
    plans = {table.id: planned(table) for table in tables if table.id in counts}
    on_conflict = run.options.on_conflict
    if on_conflict is OnConflict.ABORT:
        for schema in target_schemas(list(plans.values())):
            of_schema = {
                run.options.table_names.table(plan.source_label, plan.name): counts[id_]
                for id_, plan in plans.items()
                if plan.target_schema == schema
            }
            refuse_conflicts(of_schema, schema)
    results, findings = [], []
    for table in tables:
        if table.id not in counts:
            continue
        plan, count = plans[table.id], counts[table.id]
        inserted = read_loaded(connection, table.id).rows_loaded - count.equal - count.differing
        line = count.result(plan.name, plan.source_label, inserted, on_conflict)
        results.append(told_apart(run, plan.target_schema, line))
        if count.differing and on_conflict is OnConflict.TARGET:
            findings.append(count.kept(plan.name).of(plan.source_label))
    save_objects(connection, run.id, results)
    add_findings(connection, run.id, findings)


def _counts(connection: Connection, run: RunRecord) -> dict[int, MergeCount]:
    found = connection.execute(
        select(steps.c.table_id, steps.c.result)
        .where(
            steps.c.run_id == run.id,
            steps.c.phase == Phase.COPYING.value,
            steps.c.result.has_key(MERGED_ROWS),
        )
        .order_by(steps.c.id)
    )
    counts: dict[int, MergeCount] = {}
    for table_id, result in found:
        kept = result[MERGED_ROWS]
        count = MergeCount(tuple(kept["key"]), kept["equal"], kept["differing"], tuple(kept["named"]))
        counts[table_id] = counts[table_id] + count if table_id in counts else count
    return counts
