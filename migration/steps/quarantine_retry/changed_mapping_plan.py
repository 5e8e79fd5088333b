"""What another mapping file makes of a table that is loaded already: its rules may change, its columns may not."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from migration.applications.profile_application import above_profile
from migration.convoy_error import NextStep, Place
from migration.errors import MappingFileError
from migration.ledger.table_records import read_sources
from migration.mapping_file.mapping_file_application import apply_mapping, check_mapping
from migration.mapping_file_model import MappingFile
from migration.model import IfExists, KeyRange, Mode, TablePlan
from migration.report.next_commands import repeat
from migration.run_options import RunOptions
from migration.schema_translation.source_plan import ProfiledSource, plan_source
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.mapping_expression_check import check_expressions
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.quarantine_retry.quarantined_row_reader import ReplayTable
from migration.steps.step_context import PlannedTable
from migration.target.application_tables.data_only_plan import plan_for
from migration.target.pg_catalog.application_table_facts import ApplicationTable
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context


def as_it_stands(
    connection: Connection, table: PlannedTable, standing: ApplicationTable, snapshots: SnapshotAccess
) -> PlannedTable:
    """Return an application's table as planned today, by the run's own rules: its columns may have other types since.

    Costs one more read of the table where they have.

    Raises:
        UsageError: a column is not there any more, or its type cannot take the values.
    """
    there = {column.name: column.type for column in standing.columns}
    options = table.run.options
    if all(there.get(column.target_name) == column.target_type for column in table.plan.copied_columns):
        return table
    snapshot, label = snapshots.path(table.source), table.source.label
    context = Context(options.source_timezone, ask_server=ServerOpinion(connection.engine))
    with SnapshotReader(snapshot) as reader:
        profile = profile_range(reader, table.declared, KeyRange(), context)
    schema = read_schema(snapshot)
    if options.mapping is not None:
        schema = apply_mapping(schema, label, options.mapping)
    source = ProfiledSource(label, schema, {table.declared.name: profile})
    plan = plan_for(connection, source, table.declared, standing, options)
    return replace(table, plan=replace(plan, target_name=table.plan.target_name), profile=profile)


def remapped(
    connection: Connection,
    table: PlannedTable,
    mapping: MappingFile | None,
    standing: ApplicationTable,
    snapshots: SnapshotAccess,
) -> ReplayTable:
    """Return how rows of the table are read and converted now. A mapping costs one more read of the table.

    Args:
        connection: to the ledger and target.
        table: as the run has planned it.
        mapping: the rules of today; None: those of the run.
        standing: the table in the target; where only rows were loaded, its types decide.
        snapshots: where the snapshots of the run are.

    Raises:
        UsageError: the mapping names what is not there, or would change the table that stands in PostgreSQL.
    """
    options = table.run.options
    context = Context(options.source_timezone, ask_server=ServerOpinion(connection.engine))
    if mapping is None:
        return ReplayTable(table.declared, table.plan, table.profile, context, options, table.plan)
    mapping = above_profile(mapping, options)
    asked = replace(options, mapping=mapping)
    snapshot = snapshots.path(table.source)
    check_mapping(
        [
            (source.label, read_schema(snapshots.path(source)))
            for source in read_sources(connection, table.run.id)
        ],
        asked,
    )
    label = table.source.label
    schema = apply_mapping(read_schema(snapshot), label, mapping)
    check_expressions(snapshot, schema, mapping.name, snapshots.budget)
    declared = next((item for item in schema.tables if item.name == table.declared.name), None)
    if declared is None:
        raise MappingFileError(
            "The mapping file skips a table that has rows in quarantine", table=table.declared.name
        )
    with SnapshotReader(snapshot) as reader:
        profile = profile_range(reader, declared, KeyRange(), context)
    if options.data_only:
        source = ProfiledSource(label, schema, {declared.name: profile})
        plan = plan_for(connection, source, declared, standing, asked)
    else:
        only = replace(asked, tables=(declared.name,), exclude=(), catalog=None)
        plan = plan_source(label, schema, {declared.name: profile}, only).tables[0]
    _check_same_shape(table.plan, plan, asked)
    return ReplayTable(declared, _beside(table.plan, plan), profile, context, asked, table.plan)


def _check_same_shape(standing: TablePlan, wanted: TablePlan, options: RunOptions) -> None:
    again = repeat(replace(options, tables=(standing.name,), if_exists=IfExists.REPLACE), Mode.MIGRATE)
    remedy = f"A retry changes rows, not tables: to change the table, migrate it again with `{again}`"
    steps = (NextStep("Migrate the table again, from its source", again),)
    columns = {column.name: column for column in wanted.copied_columns}
    differing = {column.name for column in standing.copied_columns} ^ columns.keys()
    if differing:
        raise MappingFileError(
            f"The mapping adds or leaves out the column {min(differing)}",
            remedy=remedy,
            next_steps=steps,
            table=standing.name,
            column=min(differing),
        )
    for column in standing.copied_columns:
        new = columns[column.name]
        place: Place = {"table": standing.name, "column": column.name}
        if new.target_type != column.target_type:
            raise MappingFileError(
                f"The mapping would need the type {new.target_type}, and the column stands there as"
                f" {column.target_type}",
                remedy=f'Write type = "{column.target_type}" for the column in the mapping file. {remedy}',
                next_steps=steps,
                **place,
            )
        if new.target_name != column.target_name:
            raise MappingFileError(
                f"The mapping renames the column to {new.target_name}",
                remedy=remedy,
                next_steps=steps,
                **place,
            )


def _beside(standing: TablePlan, wanted: TablePlan) -> TablePlan:
    """Return the table as it stands, whose columns convert as the mapping wants.

    Values can be had back by one spelling of their column only: that of the rows which stand there.
    """
    columns = {column.name: column for column in wanted.columns}
    return replace(
        standing,
        columns=tuple(
            replace(found, time_example=c.time_example or found.time_example)
            if (found := columns.get(c.name)) is not None
            else c
            for c in standing.columns
        ),
    )
