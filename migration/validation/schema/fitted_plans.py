"""The plan that Convoy would have made, under the names that stand, and once more with the types that stand. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.errors import PermanentError
from migration.mapping_file_model import ColumnOverride, TableOverride
from migration.model import ObjectState
from migration.schema_translation.source_plan import ProfiledSource, plan_sources
from migration.schema_translation.table_ddl import create_table
from migration.schema_translation.table_selection import left_out_on_request
from migration.target.pg_catalog.source_name_matching import match_items
from migration.value_conversion.value_kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from migration.model import ColumnPlan, ObjectResult, TablePlan
    from migration.run_options import RunOptions
    from migration.source_schema import SourceColumn, SourceTable
    from migration.target.pg_catalog.table_shapes import ColumnShape, TableShape

_ABSENT = "convoy_absent"


@dataclass(frozen=True, slots=True)
class FittedPlans:
    """Plans of the tables that stand, by their names in the source."""

    own: Mapping[str, TablePlan]
    fitted: Mapping[str, TablePlan]
    untranslated: tuple[ObjectResult, ...]
    """What has no translation, so that nothing can be said of it."""
    triggers: tuple[ObjectResult, ...]
    """None is translated: one of its name in the target is somebody's translation, and without one it is lost."""
    absent: Mapping[str, frozenset[str]]
    """Table → placeholders in its plans for columns that do not stand."""


def plan_fitted(
    source: ProfiledSource,
    standing: Mapping[str, TableShape],
    options: RunOptions,
    parents: Collection[str] = (),
) -> FittedPlans:
    """Plan the tables of a source that stand in the target.

    Args:
        source: what it declares, with the mapping file laid over it, and what its columns hold.
        standing: name of a table in the source → what stands in the target.
        options: of the run; they no longer choose tables.
        parents: those that are there for foreign keys only: their types are taken as they stand.
    """
    chosen = replace(options, tables=(), exclude=(), catalog=None, data_only=False)
    tables = [table for table in source.schema.tables if table.name in standing]
    names = {table.name: match_items(table.columns, _names(standing[table.name])) for table in tables}
    named = [_renamed(table, standing[table.name].name, names[table.name]) for table in tables]
    typed = [_typed(table, standing[table.name]) for table in named]
    own_types = [known if table.name in parents else table for table, known in zip(named, typed, strict=True)]
    (own,) = plan_sources([replace(source, schema=replace(source.schema, tables=tuple(own_types)))], chosen)
    (fitted,) = plan_sources([replace(source, schema=replace(source.schema, tables=tuple(typed)))], chosen)
    return FittedPlans(
        own={plan.name: plan for plan in own.tables},
        fitted={plan.name: _as_it_stands(plan, standing[plan.name]) for plan in fitted.tables},
        untranslated=tuple(
            result
            for result in own.objects
            if result.state is ObjectState.SKIPPED and result.kind in {"default", "generated column"}
        ),
        triggers=tuple(
            result
            for result in own.objects
            if result.kind == "trigger" and not left_out_on_request(result.kind, result.reason)
        ),
        absent={
            table.name: frozenset(
                _placeholder(column) for column in table.columns if column.name not in names[table.name]
            )
            for table in tables
        },
    )


def _names(shape: TableShape) -> list[str]:
    return [column.name for column in shape.columns]


def _placeholder(column: SourceColumn) -> str:
    return f"{_ABSENT}_{column.position}"


def _renamed(table: SourceTable, name: str, columns: Mapping[str, str]) -> SourceTable:
    """Return a table with the names that stand, whatever policy or hand has made them."""
    return replace(
        table,
        override=replace(table.override or TableOverride(table.name), rename=name),
        columns=tuple(
            replace(
                column,
                override=replace(
                    column.override or ColumnOverride(column.name),
                    rename=columns.get(column.name, _placeholder(column)),
                ),
            )
            for column in table.columns
        ),
    )


def _typed(table: SourceTable, standing: TableShape) -> SourceTable:
    shapes = {column.name: column for column in standing.columns}

    def typed(column: SourceColumn) -> SourceColumn:
        asked = column.override or ColumnOverride(column.name)
        shape = shapes.get(asked.rename or "")
        if shape is None:
            return column
        override = replace(asked, type=_known(shape), rules=(), epoch=None)
        return replace(column, override=override)

    return replace(table, columns=tuple(map(typed, table.columns)))


def _known(shape: ColumnShape) -> str:
    """Return the type by which expressions over a column are translated: text for what Convoy does not know."""
    try:
        kind_of(shape.base_type)
    except PermanentError:
        return "text"
    return shape.base_type


def _as_it_stands(plan: TablePlan, standing: TableShape) -> TablePlan:
    """Return the plan with the types that stand: domains and what only the server knows too."""
    shapes = {column.name: column for column in standing.columns}

    def as_it_stands(column: ColumnPlan) -> ColumnPlan:
        shape = shapes.get(column.target_name)
        # Identity and NOT NULL are compared by Convoy's own types, and some types do not take them.
        bare = replace(column, identity=False, not_null=False)
        return bare if shape is None else replace(bare, target_type=shape.type)

    columns = tuple(map(as_it_stands, plan.columns))
    return replace(plan, columns=columns, create_sql=create_table(plan.target_name, columns))
