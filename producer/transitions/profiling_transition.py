"""After profiling: decide types and DDL, check the target, build the staging schema, and lay out the copying."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from migration.errors import DiskError, MappingFileError, PermanentError
from migration.ledger.chunk_records import read_chunk_profiles, read_chunk_sizes
from migration.ledger.ledger_database import wait_for_disk
from migration.ledger.run_results import add_findings, save_objects
from migration.ledger.step_records import NewStep, add_steps
from migration.ledger.table_records import TableRecord, forget_table, read_sources, read_tables, save_plans
from migration.model import ColumnProfile, Mode, ObjectResult, ObjectState, Phase, TablePlan
from migration.observers.run_happenings import RunPlanned
from migration.schema_translation.left_behind_tables import LeftBehind, without_tables
from migration.schema_translation.source_plan import ProfiledSource, plan_sources
from migration.source.row_reading.column_profile import merge_profiles
from migration.steps.orphan_references import searched
from migration.steps.run_schema_names import of_sources, staging_schema, target_schemas, told_apart
from migration.target.application_tables.data_only_plan import plan_data_only
from migration.target.loading.staging_schema import create_staging
from migration.target.loading.table_trial import refused_tables
from migration.target.pg_catalog.unnamed_sequences import unnamed_sequences
from migration.target.session_time_zone import times_read_in
from migration.target.target_check import check_target, foresee_replacements, try_ddl

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    left_behind: LeftBehind = {}
    while True:
        attempt = connection.begin_nested()
        plans, results, refused = _build(connection, run, left_behind)
        if not refused:
            attempt.commit()
            break
        attempt.rollback()
        left_behind |= refused
    save_objects(connection, run.id, results)
    if run.options.data_only:
        for schema in target_schemas(plans):
            label = schema if run.options.schema_per_source else ""
            unnamed = unnamed_sequences(connection, [schema])
            add_findings(connection, run.id, [finding.of(label) for finding in unnamed])
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


def _build(
    connection: Connection, run: RunRecord, left_behind: LeftBehind
) -> tuple[list[TablePlan], list[ObjectResult], LeftBehind]:
    """Plan the tables but those that stay behind, and create them; return which others the server does not take."""
    plans, results = _save_plans(connection, run, left_behind)
    check_target(connection, plans, run.options)
    results = results + _foresee_replacements(connection, run, plans)
    refused: LeftBehind = {}
    with times_read_in(connection, run.options.source_timezone):
        for schema in target_schemas(plans):
            of_schema = [plan for plan in plans if plan.target_schema == schema]
            staging = staging_schema(run, schema)
            if run.options.mode is Mode.DRY_RUN:
                tried = try_ddl(connection, of_schema, staging)
                results += [told_apart(run, schema, item) for item in tried if item.kind != "table"]
                stands = all(item.state is not ObjectState.SKIPPED for item in tried if item.kind == "table")
                refused |= {} if stands else _refused(connection, run, of_schema, staging)
            else:
                refused |= _create_staging(connection, run, of_schema, staging)
    return plans, results, refused


def _foresee_replacements(
    connection: Connection, run: RunRecord, plans: list[TablePlan]
) -> list[ObjectResult]:
    """Say what becomes of objects that others own; what stays behind is a finding once it does, or of a dry-run."""
    found = foresee_replacements(connection, plans, run.options, f"{run.staging_schema}_trial")
    if run.options.mode is Mode.DRY_RUN:
        for one in found:
            add_findings(connection, run.id, of_sources(plans, one.schema, one.findings()))
    return [told_apart(run, one.schema, result) for one in found for result in one.results()]


def _orphan_steps(connection: Connection, run: RunRecord, plans: list[TablePlan]) -> list[NewStep]:
    """Return a step for each source whose orphan rows have to be known before the first row is copied."""
    steps: list[NewStep] = []
    for source in read_sources(connection, run.id):
        of_source = {plan.name: plan for plan in plans if plan.source_label == source.label}
        if searched(connection, source.schema.tables, of_source, run.options, plans).references:
            steps.append(NewStep(spec={"source_id": source.id}))
    return steps


def _create_staging(
    connection: Connection, run: RunRecord, plans: list[TablePlan], staging: str
) -> LeftBehind:
    """Create the staging schema; where the server refuses a table, none of it, and return which tables it refuses."""
    attempt = connection.begin_nested()
    try:
        create_staging(connection, plans, staging)
    except PermanentError as error:
        if isinstance(error, DiskError):
            raise
        attempt.rollback()
        refused = _refused(connection, run, plans, staging)
        if not refused:
            raise
        return refused
    attempt.commit()
    return {}


def _refused(connection: Connection, run: RunRecord, plans: list[TablePlan], staging: str) -> LeftBehind:
    """Return the tables that the server does not create, and why.

    Raises:
        MappingFileError: it refuses what may be a wish of the mapping file.
    """
    refused = refused_tables(connection, plans, f"{staging}_trial")
    for table in refused:
        if run.options.mapping is not None and not table.is_limit:
            # Without the file, types and defaults are Convoy's own; with it, they may be what the server does not know.
            raise MappingFileError(
                table.reason,
                remedy="Correct the mapping file",
                source=run.options.table_names.label(table.plan.source_label),
                table=table.plan.target_name,
            )
    return {(table.plan.source_label, table.plan.name): table.reason for table in refused}


def _merged_profiles(
    connection: Connection, tables: Mapping[str, TableRecord]
) -> dict[str, dict[str, ColumnProfile]]:
    """Return the profile of each table, merged from those of its chunks."""
    names = {table.id: name for name, table in tables.items()}
    merged: dict[str, dict[str, ColumnProfile]] = {name: merge_profiles([]) for name in tables}
    for table_id, of_table in groupby(read_chunk_profiles(connection, names), key=itemgetter(0)):
        merged[names[table_id]] = merge_profiles(profile for _, profile in of_table)
    return merged


def _save_plans(
    connection: Connection, run: RunRecord, left_behind: LeftBehind
) -> tuple[list[TablePlan], list[ObjectResult]]:
    tables = read_tables(connection, run.id)
    sources = read_sources(connection, run.id)
    records: list[dict[str, TableRecord]] = []
    profiled: list[ProfiledSource] = []
    for source in sources:
        of_source: dict[str, TableRecord] = {t.name: t for t in tables if t.source_id == source.id}
        profiles = _merged_profiles(connection, of_source)
        records.append(of_source)
        schema = without_tables(
            source.label, source.schema, left_behind, {n: t.rows for n, t in of_source.items()}
        )
        for name, table in of_source.items():
            if (source.label, name) in left_behind:
                forget_table(connection, table.id)
        profiled.append(ProfiledSource(source.label, schema, profiles))
    plans: list[TablePlan] = []
    results: list[ObjectResult] = []
    decided = (
        plan_data_only(connection, profiled, run.options)
        if run.options.data_only
        else plan_sources(profiled, run.options)
    )
    for of_source, known, planned in zip(records, profiled, decided, strict=True):
        save_plans(
            connection,
            [(of_source[plan.name].id, plan, known.profiles[plan.name]) for plan in planned.tables],
        )
        plans.extend(planned.tables)
        results.extend(planned.objects)
    return plans, results
