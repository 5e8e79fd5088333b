"""After profiling: decide types and DDL, check the target, build the staging schema, and lay out the copying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.errors import DiskError, MappingFileError, PermanentError
from migration.ledger.chunk_records import read_chunk_profiles, read_chunk_sizes
from migration.ledger.ledger_database import wait_for_disk
from migration.ledger.run_results import add_findings, save_objects
from migration.ledger.step_records import NewStep, add_steps
from migration.ledger.table_records import TableRecord, read_sources, read_tables, save_plan
from migration.model import ColumnProfile, Mode, ObjectResult, ObjectState, Phase, TablePlan
from migration.observers.run_happenings import RunPlanned
from migration.schema_translation.source_plan import ProfiledSource, check_collisions, plan_sources
from migration.source.row_reading.column_profile import merge_profiles
from migration.steps.orphan_row_step import searched
from migration.steps.run_schema_names import staging_schema, target_schemas, told_apart
from migration.target.application_tables.data_only_plan import plan_data_only
from migration.target.loading.staging_schema import create_staging
from migration.target.session_time_zone import times_read_in
from migration.target.target_check import check_target, foresee_replacements, try_ddl

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from producer.transitions.transition_context import TransitionContext


def wait_for_snapshots(context: TransitionContext, run: RunRecord) -> None:
    """Return once the snapshots are on the disk: no table is created before.

    Raises:
        SourceUnreadableError: a snapshot has not reached the disk; nothing was created.
    """
    with context.engine.connect() as connection:
        sources = read_sources(connection, run.id)
    context.snapshot_flushes.wait(run.id, sources, context.settings)


def finish_profiling(_context: TransitionContext, locked: LockedRun, _prepared: None) -> Phase:
    """Plan every table and create the staging schema.

    Raises:
        TargetError: the target cannot take the tables; nothing was created.
    """
    connection, run = locked.connection, locked.record
    wait_for_disk(connection)
    plans, results = _save_plans(connection, run)
    check_collisions(plans)
    check_target(connection, plans, run.options)
    results = results + _foresee_replacements(connection, run, plans)
    with times_read_in(connection, run.options.source_timezone):
        if run.options.mode is Mode.DRY_RUN:
            results = results + _try_on_target(connection, run, plans)
        else:
            for schema in target_schemas(plans):
                of_schema = [plan for plan in plans if plan.target_schema == schema]
                _create_staging(connection, run, of_schema, schema)
    save_objects(connection, run.id, results)
    sizes = read_chunk_sizes(connection, run.id)
    add_steps(connection, run.id, Phase.COPYING, _orphan_steps(connection, run, plans))
    add_steps(
        connection,
        run.id,
        Phase.COPYING,
        [NewStep(table_id=table, chunk_id=chunk, stage=2, weight=size) for chunk, table, size in sizes],
    )
    locked.note(RunPlanned(run.id, len(plans), len(sizes)))
    return Phase.COPYING


def _foresee_replacements(
    connection: Connection, run: RunRecord, plans: list[TablePlan]
) -> list[ObjectResult]:
    """Say what becomes of objects that others own; what stays behind is a finding once it does, or of a dry-run."""
    found = foresee_replacements(connection, plans, run.options, f"{run.staging_schema}_trial")
    if run.options.mode is Mode.DRY_RUN:
        add_findings(connection, run.id, [finding for one in found for finding in one.findings()])
    return [told_apart(run, one.schema, result) for one in found for result in one.results()]


def _orphan_steps(connection: Connection, run: RunRecord, plans: list[TablePlan]) -> list[NewStep]:
    """Return a step for each source whose orphan rows have to be known before the first row is copied."""
    steps: list[NewStep] = []
    for source in read_sources(connection, run.id):
        of_source = {plan.name: plan for plan in plans if plan.source_label == source.label}
        if searched(source.schema.tables, of_source, run.options.mode, run.options.on_orphan):
            steps.append(NewStep(spec={"source_id": source.id}))
    return steps


def _create_staging(connection: Connection, run: RunRecord, plans: list[TablePlan], schema: str) -> None:
    try:
        create_staging(connection, plans, staging_schema(run, schema))
    except PermanentError as error:
        if run.options.mapping is None or isinstance(error, DiskError):
            raise
        # Without the file, types and defaults are Convoy's own; with it, they may be what the server does not know.
        raise MappingFileError(error.what, remedy="Correct the mapping file", **error.place) from error


def _save_plans(connection: Connection, run: RunRecord) -> tuple[list[TablePlan], list[ObjectResult]]:
    tables = read_tables(connection, run.id)
    sources = read_sources(connection, run.id)
    records: list[dict[str, TableRecord]] = []
    profiled: list[ProfiledSource] = []
    for source in sources:
        of_source: dict[str, TableRecord] = {t.name: t for t in tables if t.source_id == source.id}
        profiles: dict[str, dict[str, ColumnProfile]] = {
            name: merge_profiles(read_chunk_profiles(connection, table.id))
            for name, table in of_source.items()
        }
        records.append(of_source)
        profiled.append(ProfiledSource(source.label, source.schema, profiles))
    plans: list[TablePlan] = []
    results: list[ObjectResult] = []
    decided = (
        plan_data_only(connection, profiled, run.options)
        if run.options.data_only
        else plan_sources(profiled, run.options)
    )
    for of_source, known, planned in zip(records, profiled, decided, strict=True):
        for table_plan in planned.tables:
            save_plan(connection, of_source[table_plan.name].id, table_plan, known.profiles[table_plan.name])
        plans.extend(planned.tables)
        results.extend(planned.objects)
    return plans, results


def _try_on_target(connection: Connection, run: RunRecord, plans: list[TablePlan]) -> list[ObjectResult]:
    results: list[ObjectResult] = []
    for schema in target_schemas(plans):
        of_schema = [plan for plan in plans if plan.target_schema == schema]
        tried = try_ddl(connection, of_schema, staging_schema(run, schema))
        results.extend(told_apart(run, schema, item) for item in tried if item.kind != "table")
        # What the plan says of tables stands, unless the server refuses one.
        results.extend(item for item in tried if item.kind == "table" and item.state is ObjectState.SKIPPED)
    return results
