"""Puts the decisions about one source together: tables with their DDL, objects to build, and what is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration.column_types.column_decision import decide
from migration.errors import NameConflictError
from migration.identifiers import Namespace, column_namespace, fold, why_renamed
from migration.model import ColumnProfile, ObjectResult, ObjectState, TablePlan, TargetObject, ValueKind
from migration.name_lists import some
from migration.schema_translation.column_defaults import translate_default
from migration.schema_translation.comment_ddl import commented
from migration.schema_translation.constraint_and_index_ddl import ObjectPlanner, sequence_names
from migration.schema_translation.expression_nodes import Untranslatable
from migration.schema_translation.generated_columns import translate_generated
from migration.schema_translation.mapped_table import MappedTable
from migration.schema_translation.requested_names import claim_names, rename_reason
from migration.schema_translation.table_ddl import create_table
from migration.schema_translation.table_keys import collation_outcome, row_key
from migration.schema_translation.table_selection import (
    VIEW_LEFT_OUT,
    check_names,
    select_tables,
    views_left_out,
)
from migration.schema_translation.uuid_columns import UuidColumns, as_uuid, uuid_columns
from migration.schema_translation.view_translation import (
    TranslatedView,
    ViewTranslator,
    in_order,
    tables_read,
)
from migration.source_schema import GeneratedKind, TableKind
from migration.source_table_names import errors_of_source
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import ColumnPlan, IdentifierPolicy
    from migration.run_options import RunOptions
    from migration.source_schema import SourceColumn, SourceObject, SourceSchema, SourceTable

# ABORT is what both do anyway: https://sqlite.org/lang_conflict.html
_CONFLICT = re.compile(r"\bON\s+CONFLICT\s+(REPLACE|IGNORE|FAIL|ROLLBACK)\b", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class ProfiledSource:
    """What one source declares, and what its columns were found to hold."""

    label: str
    schema: SourceSchema
    profiles: Mapping[str, Mapping[str, ColumnProfile]]
    """Table name → column name → profile."""


def plan_sources(sources: Sequence[ProfiledSource], options: RunOptions) -> list[PlannedSource]:
    """Plan the sources of a run together: in a schema that several share, names of indexes and views differ.

    Tables keep their names (`check_collisions` refuses two of one name); views and indexes make way for them.
    """
    planners = [_SourcePlanner(source, options) for source in sources]
    spaces: dict[str, Namespace] = {}
    for source, planner in zip(sources, planners, strict=True):
        space = spaces.setdefault(planner.target_schema, Namespace())
        with errors_of_source(options.table_names.label(source.label)):
            space.reserve(planner.map_tables())
    for planner in planners:
        planner.name_views(spaces[planner.target_schema])
    planned: list[PlannedSource] = []
    for source, planner in zip(sources, planners, strict=True):
        with errors_of_source(options.table_names.label(source.label)):
            planned.append(planner.plan(spaces[planner.target_schema]))
    return planned


def plan_source(
    source_label: str,
    schema: SourceSchema,
    profiles: Mapping[str, Mapping[str, ColumnProfile]],
    options: RunOptions,
) -> PlannedSource:
    """Plan one source by itself.

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
    return plan_sources([ProfiledSource(source_label, schema, profiles)], options)[0]


def check_collisions(sources: Sequence[tuple[str, SourceSchema]], options: RunOptions) -> None:
    """Make sure that no two sources bring a table of the same name into the same schema.

    Args:
        sources: label and what it declares, with the names that a mapping file gives.
        options: tables to take, target schema, policy for names.

    Raises:
        NameConflictError: names all such tables with their sources, and the way out.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    if options.schema_per_source:
        return
    for label, schema in sources:
        chosen = select_tables(label, schema, options)
        names = claim_names(chosen, Namespace(), options.identifiers, {"source": label})
        for table, name in zip(chosen, names, strict=True):
            found.setdefault(name, []).append((label, table.name))
    several = {name: owners for name, owners in found.items() if len(owners) > 1}
    if not several:
        return
    labels = list(dict.fromkeys(label for owners in several.values() for label, _ in owners))
    again = ",".join(f"{label}.{table}" for owners in several.values() for label, table in owners[1:])
    raise NameConflictError(
        f"The sources {', '.join(labels[:-1])} and {labels[-1]} have tables of the same names: {some(several)}",
        schema=options.target_schema,
        remedy="Move the sources one after the other, with --data-only --if-exists merge, where these rows belong into"
        " one table"
        if options.data_only
        else f"Give each source its own schema with --schema-per-source, or leave them out with --exclude {again}",
    )


class _SourcePlanner:
    def __init__(self, source: ProfiledSource, options: RunOptions) -> None:
        self._label = source.label
        self._schema = source.schema
        self._profiles = source.profiles
        self._options = options
        self._policy: IdentifierPolicy = options.identifiers
        self.target_schema = source.label if options.schema_per_source else options.target_schema
        self._names = Namespace()
        self._tables: dict[str, MappedTable] = {}
        self._views: dict[str, str] = {}
        self._results: list[ObjectResult] = []
        self._uuids = UuidColumns({}, {})

    def map_tables(self) -> list[str]:
        """Decide about tables and columns; return all names that the tables take in their schema."""
        chosen = select_tables(self._label, self._schema, self._options)
        names = claim_names(chosen, self._names, self._policy, {"source": self._label})
        self._uuids = uuid_columns(chosen, self._profiles, self._schema)
        for table, name in zip(chosen, names, strict=True):
            self._tables[folded(table.name)] = self._map(table, name)
        return [
            name for table in self._tables.values() for name in (table.target_name, *sequence_names(table))
        ]

    def name_views(self, names: Namespace) -> None:
        """Give every view a name that is free in its schema."""
        for number, item in enumerate(self._schema.objects, 1):
            if item.kind == "view":
                wanted = fold(item.name, self._policy) or f"view_{number}"
                self._views[folded(item.name)] = names.claim(wanted, f"{self._label}_{wanted}")

    def plan(self, names: Namespace) -> PlannedSource:
        """Plan the objects; `names` are those that are taken in the schema."""
        planner = ObjectPlanner(self._tables, names, self._policy, self._options.on_orphan)
        plans = [self._table_plan(table, planner) for table in self._tables.values()]
        self._left_out()
        return PlannedSource(tuple(self._with_views(plans, self._tables, self._views)), tuple(self._results))

    def _map(self, table: SourceTable, target_name: str) -> MappedTable:
        renamed = rename_reason(table, target_name, self._policy)
        if table.kind is TableKind.VIRTUAL:
            self._say("virtual", table.name, "; ".join(filter(None, (table.note, renamed))))
        else:
            self._say("table", table.name, renamed)
        profiles = self._profiles.get(table.name, {})
        names = claim_names(table.columns, column_namespace(), self._policy, {"table": table.name})
        columns: dict[str, ColumnPlan] = {}
        for column, name in zip(table.columns, names, strict=True):
            renamed = rename_reason(column, name, self._policy)
            if renamed is not None:
                self._say("column", f"{table.name}.{column.name}", renamed)
            plan = self._with_uuid(table, decide(column, table, profiles.get(column.name, ColumnProfile())))
            columns[folded(column.name)] = self._finish(replace(plan, target_name=name), column, table)
        for column in table.columns:
            if column.generated is not GeneratedKind.NO:
                key = folded(column.name)
                columns[key] = self._generated(columns[key], table, columns)
            if column.collation != "BINARY":
                state, reason = collation_outcome(column.collation, columns[folded(column.name)])
                self._say("collation", f"{table.name}.{column.name}", reason, state)
        for clause in sorted({found.upper() for found in _CONFLICT.findall(table.sql or "")}):
            reason = f"PostgreSQL decides this in each INSERT: ON CONFLICT ... DO, where SQLite has {clause}"
            self._say("conflict clause", f"{table.name} {clause}", reason, ObjectState.SKIPPED)
        return MappedTable(table, target_name, columns, profiles)

    def _with_uuid(self, table: SourceTable, plan: ColumnPlan) -> ColumnPlan:
        place = (folded(table.name), folded(plan.name))
        if place in self._uuids.chosen:
            profile = self._profiles.get(table.name, {}).get(plan.name, ColumnProfile())
            return as_uuid(plan, self._uuids.chosen[place], profile)
        note = self._uuids.notes.get(place)
        return plan if note is None else replace(plan, reason=f"{plan.reason}; {note}")

    def _say(
        self, kind: str, name: str, reason: str | None, state: ObjectState = ObjectState.CHANGED
    ) -> None:
        """Write a line for the report; one without a reason came along as it was."""
        state = ObjectState.CREATED if reason is None else state
        self._results.append(ObjectResult(kind, name, state, reason or "", self._label))

    def _finish(self, plan: ColumnPlan, column: SourceColumn, table: SourceTable) -> ColumnPlan:
        """Add identity or default to a column's plan."""
        if column.name == table.rowid_alias and plan.kind in _INTEGERS:
            given_out = table.autoincrement_seq or 0
            if given_out > _LARGEST_INTEGER and plan.kind is not ValueKind.INT64:
                reason = f"AUTOINCREMENT has come to {given_out:,}, widened to bigint"
                rules = dict.fromkeys(plan.rules, "integer_to_int64")
                plan = replace(plan, target_type="bigint", kind=ValueKind.INT64, rules=rules, reason=reason)
            return replace(plan, identity=True, not_null=True)
        asked = column.override.default if column.override is not None else None
        if asked is not None:
            reason = f"{asked or 'none'} by the mapping file, in SQLite {column.default_sql or 'none'}"
            self._say("default", f"{table.name}.{column.name}", reason)
            return replace(plan, default_sql=asked or None)
        if column.default_sql is None or column.generated is not GeneratedKind.NO:
            return plan
        name = f"{table.name}.{column.name}"
        try:
            zone = plan.source_timezone or self._options.source_timezone
            default_sql = translate_default(column.default_sql, replace(plan, source_timezone=zone))
            translated = replace(plan, default_sql=default_sql)
        except Untranslatable as error:
            reason = f"default dropped: {column.default_sql}: {error}"
            self._say("default", name, reason, ObjectState.SKIPPED)
            return plan
        self._say("default", name, None)
        return translated

    def _generated(
        self, plan: ColumnPlan, table: SourceTable, columns: Mapping[str, ColumnPlan]
    ) -> ColumnPlan:
        name = f"{table.name}.{plan.name}"
        try:
            translated = replace(plan, generated_sql=translate_generated(table, plan, columns))
        except Untranslatable as error:
            reason = f"a plain column now, its values are copied: {error}"
            self._say("generated column", name, reason, ObjectState.SKIPPED)
            return plan
        declared = next(column for column in table.columns if column.name == plan.name)
        is_virtual = declared.generated is GeneratedKind.VIRTUAL
        self._say(
            "generated column", name, "stored, where SQLite computes on reading" if is_virtual else None
        )
        return translated

    def _table_plan(self, table: MappedTable, planner: ObjectPlanner) -> TablePlan:
        columns = tuple(table.columns.values())
        return TablePlan(
            source_label=self._label,
            name=table.source.name,
            target_schema=self.target_schema,
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
        items = {folded(item.name): item for item in self._schema.objects if item.kind == "view"}
        views = self._translate(items, tables, names)
        if not plans:
            for name in views:
                self._skip_view(items[name], "it would stand alone: no table is migrated")
            return plans
        objects = tuple(
            self._view_object(items[name], names[name], plans[0].target_name, views[name].sql)
            for name in views
        )
        return [replace(plans[0], objects=plans[0].objects + objects), *plans[1:]]

    def _view_object(self, item: SourceObject, name: str, table: str, sql: str) -> TargetObject:
        renamed = why_renamed(item.name, name, self._policy)
        state = ObjectState.CREATED if renamed is None else ObjectState.CHANGED
        view = TargetObject(
            "view", name, table, 3, sql, state=state, reason=renamed or "", source_sql=item.sql or ""
        )
        return commented(view, item.comment)

    def _translate(
        self, items: Mapping[str, SourceObject], tables: Mapping[str, MappedTable], names: Mapping[str, str]
    ) -> dict[str, TranslatedView]:
        translator = ViewTranslator(tables, names)
        views: dict[str, TranslatedView] = {}
        left_out = views_left_out(self._schema, select_tables(self._label, self._schema, self._options))
        for key in in_order({key: tables_read(item.sql or "") for key, item in items.items()}):
            item = items[key]
            try:
                if key in left_out or item.reason:
                    raise Untranslatable(VIEW_LEFT_OUT if key in left_out else item.reason)
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
