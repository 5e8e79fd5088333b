"""Puts the decisions about one source together: tables with their DDL, objects to build, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.errors import UsageError
from migration.mapping.constraints import MappedTable, ObjectPlanner
from migration.mapping.ddl import create_table
from migration.mapping.decide import decide
from migration.mapping.defaults import translate_default
from migration.mapping.expressions import Untranslatable
from migration.mapping.generated import translate_generated
from migration.mapping.keys import row_key
from migration.mapping.names import Namespace, column_namespace, fold, why_renamed
from migration.mapping.select import check_names, select_tables
from migration.mapping.views import TranslatedView, ViewTranslator, in_order, tables_read
from migration.model import (
    ColumnProfile,
    GeneratedKind,
    ObjectResult,
    ObjectState,
    TablePlan,
    TargetObject,
    ValueKind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import (
        ColumnPlan,
        IdentifierPolicy,
        RunOptions,
        SourceColumn,
        SourceObject,
        SourceSchema,
        SourceTable,
    )

_LARGEST_INTEGER = 2**31 - 1
_INTEGERS = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_REASONS = {
    "trigger": "triggers are not translated; write it again in PL/pgSQL if the application needs it",
    "virtual": "a virtual table, for which PostgreSQL has no module",
    "shadow": "internal storage of a virtual table",
}


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """The plan of one source. `objects` are the results that are known before anything is built."""

    tables: tuple[TablePlan, ...]
    objects: tuple[ObjectResult, ...]


def plan_source(
    source_label: str,
    schema: SourceSchema,
    profiles: Mapping[str, Mapping[str, ColumnProfile]],
    options: RunOptions,
) -> PlannedSource:
    """Plan one source.

    Args:
        source_label: what the user calls it; with `schema_per_source` also its schema in the target.
        schema: all that it declares.
        profiles: table name → column name → profile.
        options: tables to take, target schema, policy for names.

    Raises:
        UsageError: the only source of the run has no table of a name that the options ask for.
    """
    if len(options.sources) <= 1:
        check_names([(source_label, schema)], options)
    return _SourcePlanner(source_label, schema, profiles, options).plan()


def check_collisions(plans: Sequence[TablePlan]) -> None:
    """Make sure that no two sources bring a table of the same name into the same schema.

    Raises:
        UsageError: names the table, both sources, and the way out.
    """
    first: dict[tuple[str, str], TablePlan] = {}
    for plan in plans:
        other = first.setdefault((plan.target_schema, plan.target_name), plan)
        if other is not plan and other.source_label != plan.source_label:
            raise UsageError(
                f"The sources {other.source_label} and {plan.source_label} both have a table {plan.target_name}",
                f"schema {plan.target_schema}",
                "Give each source its own schema with --schema-per-source, or leave one out with"
                f" --exclude {plan.source_label}.{plan.name}",
            )


class _SourcePlanner:
    def __init__(
        self,
        label: str,
        schema: SourceSchema,
        profiles: Mapping[str, Mapping[str, ColumnProfile]],
        options: RunOptions,
    ) -> None:
        self._label = label
        self._schema = schema
        self._profiles = profiles
        self._options = options
        self._policy: IdentifierPolicy = options.identifiers
        self._target_schema = label if options.schema_per_source else options.target_schema
        self._names = Namespace()
        self._results: list[ObjectResult] = []

    def plan(self) -> PlannedSource:
        tables: dict[str, MappedTable] = {}
        chosen = select_tables(self._label, self._schema, self._options)
        for number, table in enumerate(chosen, 1):
            tables[table.name.lower()] = self._map(table, number)
        views = {
            item.name.lower(): self._names.claim(fold(item.name, self._policy) or f"view_{number}")
            for number, item in enumerate(self._schema.objects, 1)
            if item.kind == "view"
        }
        shared = len(self._options.sources) > 1 and not self._options.schema_per_source
        planner = ObjectPlanner(tables, self._names, self._policy, prefix=shared)
        plans = [self._table_plan(table, planner) for table in tables.values()]
        self._left_out()
        return PlannedSource(tuple(self._with_views(plans, tables, views)), tuple(self._results))

    def _map(self, table: SourceTable, number: int) -> MappedTable:
        target_name = self._names.claim(fold(table.name, self._policy) or f"table_{number}")
        self._report_name("table", table.name, table.name, target_name)
        profiles = self._profiles.get(table.name, {})
        names = column_namespace()
        columns: dict[str, ColumnPlan] = {}
        for position, column in enumerate(table.columns, 1):
            name = names.claim(fold(column.name, self._policy) or f"column_{position}")
            self._report_name("column", f"{table.name}.{column.name}", column.name, name)
            plan = decide(column, table, profiles.get(column.name, ColumnProfile()))
            columns[column.name.lower()] = self._finish(replace(plan, target_name=name), column, table)
        for column in table.columns:
            if column.generated is not GeneratedKind.NO:
                key = column.name.lower()
                columns[key] = self._generated(columns[key], table, columns)
        return MappedTable(table, target_name, columns, profiles)

    def _report_name(self, kind: str, label: str, name: str, target_name: str) -> None:
        reason = why_renamed(name, target_name, self._policy)
        if reason is not None:
            self._results.append(ObjectResult(kind, label, ObjectState.CHANGED, reason))

    def _finish(self, plan: ColumnPlan, column: SourceColumn, table: SourceTable) -> ColumnPlan:
        """Add identity or default to a column's plan."""
        if column.name == table.rowid_alias and plan.kind in _INTEGERS:
            given_out = table.autoincrement_seq or 0
            if given_out > _LARGEST_INTEGER and plan.kind is not ValueKind.INT64:
                reason = f"AUTOINCREMENT has come to {given_out:,}, widened to bigint"
                rules = dict.fromkeys(plan.rules, "integer_to_int64")
                plan = replace(plan, target_type="bigint", kind=ValueKind.INT64, rules=rules, reason=reason)
            return replace(plan, identity=True, not_null=True)
        if column.default_sql is None or column.generated is not GeneratedKind.NO:
            return plan
        try:
            return replace(plan, default_sql=translate_default(column.default_sql, plan))
        except Untranslatable as error:
            reason = f"default dropped: {column.default_sql}: {error}"
            self._results.append(
                ObjectResult("default", f"{table.name}.{column.name}", ObjectState.CHANGED, reason)
            )
            return plan

    def _generated(
        self, plan: ColumnPlan, table: SourceTable, columns: Mapping[str, ColumnPlan]
    ) -> ColumnPlan:
        try:
            return replace(plan, generated_sql=translate_generated(table, plan, columns))
        except Untranslatable as error:
            reason = f"a plain column now, its values are copied: {error}"
            name = f"{table.name}.{plan.name}"
            self._results.append(ObjectResult("generated column", name, ObjectState.CHANGED, reason))
            return plan

    def _table_plan(self, table: MappedTable, planner: ObjectPlanner) -> TablePlan:
        columns = tuple(table.columns.values())
        return TablePlan(
            source_label=self._label,
            name=table.source.name,
            target_schema=self._target_schema,
            target_name=table.target_name,
            columns=columns,
            create_sql=create_table(table.target_name, columns),
            objects=planner.plan(table),
            key=row_key(table.source, table.columns, table.profiles),
        )

    def _left_out(self) -> None:
        for item in self._schema.objects:
            if item.kind != "view":
                reason = item.reason or _REASONS.get(item.kind, f"PostgreSQL has no equal for a {item.kind}")
                self._results.append(
                    ObjectResult(item.kind, item.name, ObjectState.SKIPPED, reason, self._label)
                )

    def _with_views(
        self, plans: list[TablePlan], tables: Mapping[str, MappedTable], names: Mapping[str, str]
    ) -> list[TablePlan]:
        """Hang the views on the first table, in the order in which they can be created."""
        items = {item.name.lower(): item for item in self._schema.objects if item.kind == "view"}
        views = self._translate(items, tables, names)
        if not plans:
            for name in views:
                self._skip_view(items[name], "it would stand alone: no table is migrated")
            return plans
        objects = tuple(
            TargetObject("view", names[name], plans[0].target_name, 3, views[name].sql) for name in views
        )
        return [replace(plans[0], objects=plans[0].objects + objects), *plans[1:]]

    def _translate(
        self, items: Mapping[str, SourceObject], tables: Mapping[str, MappedTable], names: Mapping[str, str]
    ) -> dict[str, TranslatedView]:
        translator = ViewTranslator(tables, names)
        views: dict[str, TranslatedView] = {}
        for key in in_order({key: tables_read(item.sql or "") for key, item in items.items()}):
            item = items[key]
            try:
                if item.reason:
                    raise Untranslatable(item.reason)
                views[key] = translator.translate(key, item.sql or "")
            except Untranslatable as error:
                self._skip_view(item, str(error))
        while broken := [key for key, view in views.items() if view.reads - set(tables) - set(views)]:
            for key in broken:
                del views[key]
                self._skip_view(items[key], "it reads a view that is left out")
        return views

    def _skip_view(self, item: SourceObject, reason: str) -> None:
        self._results.append(ObjectResult("view", item.name, ObjectState.SKIPPED, reason, self._label))
