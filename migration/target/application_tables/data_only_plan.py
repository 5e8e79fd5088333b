"""--data-only: plans for tables that the application has made, and the checks before any row is copied."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from migration.convoy_error import Place
from migration.errors import ApplicationTableError, TargetOccupiedError, TargetPermissionError
from migration.mapping_file.mapping_file_conflicts import disagreements
from migration.mapping_file_model import OnConflict
from migration.model import IfExists, ObjectResult, ObjectState, TablePlan
from migration.name_lists import some, unnamed
from migration.schema_translation.source_plan import PlannedSource
from migration.schema_translation.table_ddl import create_table
from migration.schema_translation.table_selection import (
    LEFT_OUT,
    leaves_out,
    select_tables,
    why_left_out,
)
from migration.source_schema import TableKind
from migration.source_table_names import errors_of_source
from migration.target.application_tables.bookkeeping_comparison import compare_bookkeeping
from migration.target.application_tables.incoming_foreign_keys import incoming_keys, key_rights
from migration.target.application_tables.load_rights import load_rights
from migration.target.application_tables.row_transfer import refuse_restless
from migration.target.application_tables.standing_search_tables import search_tables
from migration.target.application_tables.table_load_order import parents_first
from migration.target.missing_rights import refuse_lacking
from migration.target.pg_catalog.application_table_facts import (
    ApplicationTable,
    foreign_keys_to,
    foreign_partitions,
    holds_rows,
    read_application_tables,
    triggers_of,
)
from migration.target.pg_catalog.existing_table_plans import read_existing, table_names
from migration.target.pg_catalog.source_name_matching import match_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.mapping_file_model import ColumnOverride
    from migration.model import ColumnPlan
    from migration.run_options import RunOptions
    from migration.schema_translation.source_plan import ProfiledSource
    from migration.source_schema import SourceTable

STANDS_ALREADY: Final = "which stands already"
"""How the line of a table ends of which nothing else is to be said."""


_REASONS_SHOWN = 20
"""Each is one to be mended, and stands nowhere else."""


def plan_data_only(
    connection: Connection, sources: Sequence[ProfiledSource], options: RunOptions
) -> list[PlannedSource]:
    """Plan every table of the sources for the table of its name that stands in the target.

    Raises:
        UsageError: a table, or a column of the source, is not there; lists all that are missing.
    """
    planned: list[PlannedSource] = []
    for source in sources:
        with errors_of_source(options.table_names.label(source.label)):
            planned.append(_SourcePlanner(connection, source, options).plan())
    return planned


def plan_for(
    connection: Connection,
    source: ProfiledSource,
    table: SourceTable,
    standing: ApplicationTable,
    options: RunOptions,
) -> TablePlan:
    """Plan one table of a source for one that stands in the target, whatever their names are.

    Raises:
        UsageError: a column is not there, or its type cannot take the values.
    """
    planner = _SourcePlanner(connection, source, options, standing.schema)
    plan = planner.plan_table(table, standing)
    planner.check()
    return plan


def check_application_tables(connection: Connection, plans: Sequence[TablePlan], options: RunOptions) -> None:
    """Make sure that the rows can go in, as far as that can be known before they are read.

    Raises:
        TargetOccupiedError: tables hold rows and are not to be replaced, or cannot be emptied.
        TargetPermissionError: the role lacks a right on a table.
    """
    for schema in sorted({plan.target_schema for plan in plans}):
        names = [plan.target_name for plan in plans if plan.target_schema == schema]
        tables = list(read_application_tables(connection, schema, names).values())
        check_tables(
            connection,
            tables,
            options.if_exists,
            may_fire=options.fire_triggers,
            updates=takes_over(options.if_exists, options.on_conflict),
        )


def takes_over(if_exists: IfExists, on_conflict: OnConflict) -> bool:
    """Tell whether rows that stand in a table may be changed."""
    return if_exists is IfExists.MERGE and on_conflict is OnConflict.SOURCE


def check_tables(
    connection: Connection,
    tables: Sequence[ApplicationTable],
    if_exists: IfExists,
    *,
    may_fire: bool = False,
    updates: bool = False,
) -> None:
    """Check tables of one schema as `check_application_tables` does; once more when they are locked for the cutover.

    `updates`: rows that stand there may be changed.
    """
    if not tables:
        return
    place: Place = {"schema": tables[0].schema}
    refuse_lacking(connection, load_rights(connection, tables, updates=updates), **place)
    if not may_fire:
        oids = [table.oid for table in tables]
        refuse_restless(connection, triggers_of(connection, oids, updates=updates))
    full = [table.name for table in tables if holds_rows(connection, table)]
    if full and if_exists is IfExists.REFUSE:
        raise TargetOccupiedError(
            f"The tables hold rows already: {some(full)}",
            # Whoever empties them has to know each.
            details=f"All of them: {', '.join(full)}" if unnamed(full) else "",
            remedy="Empty them, put the source's rows in their place with --if-exists replace (the old ones are kept),"
            " or among them with --if-exists merge",
            **place,
        )
    if if_exists is IfExists.MERGE:
        full = []  # nothing is taken out
    own = {table.oid for table in tables}
    keys = foreign_keys_to(connection, sorted(own))
    incoming = incoming_keys(connection, tables) if full else []
    refuse_lacking(connection, key_rights(connection, incoming), **place)
    outside = sorted({key.child_name for key in incoming if key.refers(connection)})
    if outside:
        raise TargetOccupiedError(
            f"Tables to be emptied are referred to by rows of others: {some(outside)}",
            remedy="Migrate these too, or empty them by hand, or what they refer to",
            **place,
        )
    elsewhere = foreign_partitions(connection, sorted(own)) if full else []
    if elsewhere:
        raise TargetOccupiedError(
            f"Rows in partitions on other servers could not be put back exactly: {some(elsewhere)}",
            remedy="Detach these partitions, or empty the tables by hand",
            **place,
        )
    _, circular = parents_first(tables, keys)
    fixed = {key.child for key in circular} - {table.oid for table in tables if table.may_alter}
    if fixed:
        names = [key.name for key in circular if key.child in fixed]
        raise TargetPermissionError(
            f"Tables refer to each other in a circle, and the keys are not deferrable: {some(names)}",
            remedy="Connect as the tables' owner, who can put the check off, or make the keys DEFERRABLE",
            **place,
        )


class _SourcePlanner:
    def __init__(
        self,
        connection: Connection,
        source: ProfiledSource,
        options: RunOptions,
        schema: str | None = None,
    ) -> None:
        self._connection = connection
        self._source = source
        self._options = options
        self._schema = schema or (source.label if options.schema_per_source else options.target_schema)
        self._results: list[ObjectResult] = []
        self._problems: list[str] = []
        self._missing: list[str] = []
        """Columns of the source, as --exclude names them."""

    def plan(self) -> PlannedSource:
        chosen = select_tables(self._source.label, self._source.schema, self._options)
        there = match_items(chosen, table_names(self._connection, self._schema))
        standing = read_application_tables(self._connection, self._schema, list(there.values()))
        missing = [table.name for table in chosen if there.get(table.name) not in standing]
        if missing:
            raise ApplicationTableError(
                f"The target has no tables for {some(missing)}",
                schema=self._schema,
                remedy="Let the application create them, or leave them out with --exclude",
            )
        plans = [self.plan_table(table, standing[there[table.name]]) for table in chosen]
        self.check()
        names = {table.name for table in chosen}
        said = {
            found.table: found.sentence
            for found in compare_bookkeeping(
                self._connection, self._source.label, self._source.schema, self._options
            )
        }
        virtual = [table for table in self._source.schema.tables if table.kind is TableKind.VIRTUAL]
        left = [table for table in virtual if table.name not in names]
        said |= search_tables(self._connection, self._schema, left)
        for table in self._source.schema.tables:
            reason = why_left_out(self._source.label, table, self._options)
            if reason and table.name not in names:
                if reason != LEFT_OUT:
                    reason = "; ".join(filter(None, (reason, said.get(table.name))))
                self._say(table.kind.value, table.name, reason, ObjectState.SKIPPED)
        return PlannedSource(tuple(plans), tuple(self._results))

    def check(self) -> None:
        """Raise an ApplicationTableError that lists all reasons for which rows cannot go into the tables."""
        if self._problems:
            left_out = ",".join(self._missing) or "TABLE.COLUMN"
            raise ApplicationTableError(
                "The rows do not fit into the application's tables: "
                + some(self._problems, _REASONS_SHOWN, separator="; "),
                schema=self._schema,
                remedy="Change the tables, rename columns with --mapping, or leave them out with --exclude"
                f" {shlex.quote(left_out)}",
            )

    def plan_table(self, table: SourceTable, standing: ApplicationTable) -> TablePlan:
        """Plan one table; what does not fit is found by `check`."""
        profiles = self._source.profiles.get(table.name, {})
        existing = read_existing(
            self._connection, self._schema, standing.name, table, profiles, self._source.label
        )
        self._say("table", table.name, f"its rows go into {standing.name}, {STANDS_ALREADY}")
        flags = {column.name: column for column in standing.columns}
        asked = {column.name: column.override for column in table.columns}
        columns: list[ColumnPlan] = []
        for column in (*existing.plan.columns, *existing.text_columns):
            name = f"{table.name}.{column.name}"
            if leaves_out(self._options, self._source.label, table.name, column.name):
                self._say("column", name, LEFT_OUT, ObjectState.SKIPPED)
            elif flags[column.target_name].is_generated:
                self._say("column", name, "the target computes it; its values are compared with the source's")
                columns.append(replace(column, computed_there=True))
            else:
                self._disagree(name, asked[column.name], column.cast_to or column.target_type)
                # A row with a NULL that the target does not take goes to the quarantine.
                columns.append(replace(column, not_null=flags[column.target_name].not_null))
        for missing in existing.missing_columns:
            if leaves_out(self._options, self._source.label, table.name, missing):
                self._say("column", f"{table.name}.{missing}", LEFT_OUT, ObjectState.SKIPPED)
            else:
                names = self._options.table_names
                self._missing.append(names.column(self._source.label, table.name, missing))
                self._problems.append(
                    f"{table.name}.{missing} is not there (the target's {standing.name} has no such column)"
                )
        taken = {column.target_name for column in columns}
        self._problems += [
            f"{standing.name}.{flag.name} is NOT NULL, has no default, and the source has no values for it"
            for flag in standing.columns
            if flag.name not in taken and flag.not_null and not flag.fills_itself
        ]
        if all(column.computed_there for column in columns) and not self._missing:
            raise ApplicationTableError(
                "No column is left to load", table=table.name, remedy="Leave the table out"
            )
        key = existing.plan.key
        return replace(
            existing.plan,
            columns=tuple(columns),
            create_sql=create_table(standing.name, columns),
            key=key if set(key) <= {column.name for column in columns} else (),
        )

    def _disagree(self, name: str, asked: ColumnOverride | None, standing_type: str) -> None:
        self._problems += [f"{name}: {problem}" for problem in disagreements(asked, standing_type)]
        if asked is not None and asked.default:
            self._problems.append(f"{name}: default has no effect, the application's own stands")

    def _say(self, kind: str, name: str, reason: str, state: ObjectState = ObjectState.CHANGED) -> None:
        self._results.append(ObjectResult(kind, name, state, reason, self._source.label))
