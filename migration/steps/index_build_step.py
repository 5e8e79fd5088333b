"""Build what stands on the rows: keys, indexes, checks and sequences, then foreign keys, then views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, text

from migration.errors import InternalError
from migration.ledger.run_records import RunRecord
from migration.ledger.run_results import add_findings, save_objects
from migration.ledger.step_records import NewStep, Step
from migration.ledger.table_records import TableRecord, planned, read_table, read_tables
from migration.mapping_file.loss_signatures import signed
from migration.model import Finding, ObjectResult, ObjectState, TablePlan, TargetObject
from migration.steps.run_schema_names import staging_schema, told_apart
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome
from migration.target.loading.first_statistics import gather_statistics
from migration.target.loading.index_and_constraint_creation import build_all, build_object, index_stands
from migration.target.session_time_zone import times_read_in
from migration.target.sql_statements import quoted

_LARGE_BYTES = 4 * 1024 * 1024
"""Smaller tables are indexed faster than a step is sent; of larger ones rows are read back meanwhile."""
_SORTED_BYTES = 32 * 1024 * 1024
"""Smaller tables sort in the memory that every server gives."""
# Sized to the server, of which its shared_buffers tell: all that build at the same time take half as much together.
_SORT_MEMORY = text(
    """
    SELECT set_config('maintenance_work_mem', greatest(
        pg_size_bytes(current_setting('maintenance_work_mem')) / 1024,
        least(1048576, pg_size_bytes(current_setting('shared_buffers')) / 1024 / (2 * :builders))
    ) || 'kB', true)
    """
)
# Workers are as many as the server has cores (docs/scaling.md): what builds side by side shares them.
_PARALLEL = text(
    """
    SELECT set_config('max_parallel_maintenance_workers',
        least(current_setting('max_parallel_maintenance_workers')::int, :each)::text, true)
    """
)


def index_steps(tables: Sequence[TableRecord], workers: int) -> list[NewStep]:
    """Lay out the building: indexes of large tables side by side, then each table, then what joins several."""
    plans = [(table, planned(table)) for table in tables]
    apart = [(table, item) for table, plan in plans for item in _built_apart(table, plan)]
    builders = max(1, min(len(apart), workers))
    new = [
        NewStep(
            table_id=table.id,
            stage=0,
            spec={"object": item.name, "builders": builders},
            weight=table.bytes,
        )
        for table, item in apart
    ]
    new += [NewStep(table_id=table.id, stage=1, weight=table.bytes) for table in tables]
    later = {item.stage for _, plan in plans for item in plan.objects} - {1}
    return new + [NewStep(stage=stage) for stage in sorted(later)]


def _built_apart(table: TableRecord, plan: TablePlan) -> tuple[TargetObject, ...]:
    """Return the indexes of a large table that are built in steps of their own.

    A lone one gains nothing by it, unless it is a key's: rows can be read back while an index is built, but not
    while a constraint is added.
    """
    if table.bytes <= _LARGE_BYTES:
        return ()
    indexes = tuple(
        item
        for item in plan.objects
        if item.state is not ObjectState.SKIPPED and (item.kind == "index" or item.index_sql)
    )
    return indexes if len(indexes) > 1 or any(item.index_sql for item in indexes) else ()


def build_objects(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Build the objects of one stage: of one table, or of all tables where the step names none.

    Foreign keys lock two tables at once, so one step builds them all, in order, and cannot deadlock with itself.
    """
    run = context.run(connection, step.run_id)
    with times_read_in(connection, run.options.source_timezone):
        if "object" in step.spec:
            return _build_apart(connection, run, step)
        return _build_stage(connection, run, step)


def _build_stage(connection: Connection, run: RunRecord, step: Step) -> StepOutcome:
    records = (
        [read_table(connection, step.table_id)]
        if step.table_id is not None
        else read_tables(connection, step.run_id)
    )
    if sum(table.bytes for table in records) > _SORTED_BYTES:
        connection.execute(_SORT_MEMORY, {"builders": max(1, run.options.workers)})
    results: list[ObjectResult] = []
    found: list[Finding] = []
    for table in records:
        plan = planned(table)
        schema = staging_schema(run, plan.target_schema)
        apart = {item.name for item in _built_apart(table, plan)}
        if step.table_id is not None and apart:  # before a constraint locks out those who read the rows back
            gather_statistics(connection, schema, plan.target_name, len(plan.columns))
        for item in plan.objects:
            if item.stage != step.stage or (item.name in apart and not item.index_sql):
                continue
            has_index = item.name in apart and index_stands(connection, schema, item.name)
            left = replace(item, sql=item.adopt_sql) if has_index else item
            result, findings = build_object(connection, left, schema)
            results.append(told_apart(run, plan.target_schema, result))
            found += [finding.of(plan.source_label) for finding in findings]
        if step.table_id is not None and not apart:  # an index on an expression has statistics of its own
            gather_statistics(connection, schema, plan.target_name, len(plan.columns))
    save_objects(connection, run.id, results)
    add_findings(connection, run.id, [signed(finding, run.options) for finding in found])
    return StepOutcome({"objects": len(results)}, records[0].name if step.table_id is not None else None)


def build_tables(context: StepContext, connection: Connection, steps: Sequence[Step]) -> list[StepOutcome]:
    """Build the objects of the steps' stage for several small tables, all of them in few statements.

    Raises:
        DBAPIError: the server refuses one of them: each table is to be built by itself.
    """
    run = context.run(connection, steps[0].run_id)
    tables = [
        context.planned_tables(connection, run.id, {_table_id(step) for step in steps})[_table_id(step)]
        for step in steps
    ]
    items = [
        (number, item)
        for number, (step, table) in enumerate(zip(steps, tables, strict=True))
        for item in table.plan.objects
        if item.stage == step.stage
    ]
    schemas = [staging_schema(run, table.plan.target_schema) for table in tables]
    # An index on an expression has statistics of its own.
    analyze = [
        f"ANALYZE {quoted(schema, table.plan.target_name)}"
        for schema, table in zip(schemas, tables, strict=True)
    ]
    with times_read_in(connection, run.options.source_timezone):
        built = build_all(connection, [(item, schemas[number]) for number, item in items], analyze)
    results = [
        told_apart(run, tables[number].plan.target_schema, result)
        for (number, _), (result, _) in zip(items, built, strict=True)
    ]
    save_objects(connection, run.id, results)
    found = [
        signed(finding.of(tables[number].plan.source_label), run.options)
        for (number, _), (_, findings) in zip(items, built, strict=True)
        for finding in findings
    ]
    add_findings(connection, run.id, found)
    counts = Counter(number for number, _ in items)
    return [StepOutcome({"objects": counts[number]}, table.plan.name) for number, table in enumerate(tables)]


def _table_id(step: Step) -> int:
    if step.table_id is None:
        raise InternalError("A step that builds what stands on a table names none", step=step.id)
    return step.table_id


def _build_apart(connection: Connection, run: RunRecord, step: Step) -> StepOutcome:
    """Build one index of a large table; CREATE INDEX lets others of the same table be built meanwhile."""
    if step.table_id is None:
        raise InternalError("A step that builds an index names no table", step=step.id)
    plan = planned(read_table(connection, step.table_id))
    schema = staging_schema(run, plan.target_schema)
    builders = step.spec["builders"]
    connection.execute(_SORT_MEMORY, {"builders": builders})
    connection.execute(_PARALLEL, {"each": max(0, run.options.workers // builders - 1)})
    item = next(item for item in plan.objects if item.name == step.spec["object"])
    if item.index_sql:
        # Refused for the same reason as the constraint will be, which is reported then.
        build_object(connection, replace(item, sql=item.index_sql, fallback_sql=None), schema)
        return StepOutcome({"objects": 0}, plan.name)
    result, findings = build_object(connection, item, schema)
    save_objects(connection, run.id, [told_apart(run, plan.target_schema, result)])
    of_source = [finding.of(plan.source_label) for finding in findings]
    add_findings(connection, run.id, [signed(finding, run.options) for finding in of_source])
    return StepOutcome({"objects": 1}, plan.name)
