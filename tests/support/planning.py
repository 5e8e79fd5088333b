"""Plans of a SQLite file as a run makes them, without a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from migration.mapping_file.mapping_file_application import apply_mapping, check_mapping
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.mapping_file.mapping_file_writer import DecidedTable, mapping_text
from migration.mapping_file_model import MappingFile
from migration.model import ColumnProfile, KeyRange, Source, TablePlan
from migration.run_options import RunOptions
from migration.schema_translation.source_plan import PlannedSource, plan_source
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.mapping_expression_check import check_expressions
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.source_budget import SourceBudget
from migration.source_schema import SourceSchema
from migration.value_conversion.batch_conversion import Context

Profiles = dict[str, dict[str, ColumnProfile]]


def planned(
    path: Path, mapping: MappingFile | None = None, options: RunOptions | None = None
) -> tuple[SourceSchema, Profiles, PlannedSource]:
    """Read, profile and plan a whole file."""
    label = path.stem
    asked = replace(options or RunOptions(), sources=(Source(label, str(path)),), mapping=mapping)
    declared = read_schema(path)
    check_mapping([(label, declared)], asked)
    schema = apply_mapping(declared, label, mapping)
    check_expressions(path, schema, mapping.name if mapping else "", SourceBudget())
    context = Context(asked.source_timezone)
    with SnapshotReader(path) as reader:
        profiles = {t.name: profile_range(reader, t, KeyRange(), context) for t in schema.tables}
    return schema, profiles, plan_source(label, schema, profiles, asked)


def written(path: Path, mapping: MappingFile | None = None, options: RunOptions | None = None) -> str:
    """Return what --write-mapping writes for a file."""
    schema, profiles, plan = planned(path, mapping, options)
    declared = {table.name: table for table in schema.tables}
    tables = [DecidedTable(declared[p.name], p, profiles[p.name], 0) for p in plan.tables]
    return mapping_text(tables, mapping, "dry-run 0198")


def planned_with(path: Path, text: str, options: RunOptions | None = None) -> PlannedSource:
    """Plan a file with the text of a mapping file."""
    return planned(path, parse_mapping(text, "mapping.toml"), options)[2]


def without_reasons(plans: tuple[TablePlan, ...]) -> list[TablePlan]:
    """Return plans as they can be compared: who has decided is not what was decided."""
    return [
        replace(plan, columns=tuple(replace(column, reason="") for column in plan.columns)) for plan in plans
    ]
