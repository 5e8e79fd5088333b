"""The foreign keys whose orphan rows a run has to know: those of the source, and what a load of rows meets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from migration.mapping_file_model import OnOrphan
from migration.model import ColumnPlan, IfExists, Mode, TablePlan
from migration.run_options import RunOptions
from migration.schema_translation.foreign_keys import Reference, find_references
from migration.source_schema import SourceTable
from migration.sqlite_names import folded
from migration.target.application_tables.standing_foreign_keys import StandingKey, standing_keys
from migration.target.sql_statements import quoted
from migration.value_conversion.orphan_row_policy import comparable, orphan_action

NO_SUCH_KEY = "the application's tables have no such foreign key"


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search looks at.

    `beside`: for a reference whose parent has rows in the target that stay, the key of the target. `standing_alone`:
    parents that no row of the source goes into, with plans for the columns that are compared.
    """

    references: tuple[Reference, ...]
    beside: Mapping[Reference, StandingKey]
    standing_alone: Mapping[str, Mapping[str, ColumnPlan]]


def searched(
    connection: Connection,
    declared: Sequence[SourceTable],
    plans: Mapping[str, TablePlan],
    options: RunOptions,
    planned: Collection[TablePlan],
) -> Searched:
    """Return the foreign keys of a source whose orphan rows a run has to know before it copies.

    A dry-run lists them all. A migration that leaves orphan rows where they are looks for none: PostgreSQL finds them
    when it checks the constraints. Where only rows are loaded, it is the application's keys that say what happens to
    rows that point nowhere, so a dry-run looks at those.

    Args:
        connection: to the target.
        declared: the tables of the source.
        plans: of these, by name in the source.
        options: those of the run.
        planned: the plans of all tables of all sources.
    """
    references = find_references(declared, plans, options.on_orphan)
    acting = [reference for reference in references if reference.action is not OnOrphan.NOT_VALID]
    if options.mode is not Mode.DRY_RUN:
        return Searched(tuple(acting), {}, {})
    if not options.data_only:
        return Searched(tuple(references), {}, {})
    return _Foresight(connection, declared, plans, options, planned).with_standing(references)


class _Foresight:
    def __init__(
        self,
        connection: Connection,
        declared: Sequence[SourceTable],
        plans: Mapping[str, TablePlan],
        options: RunOptions,
        planned: Collection[TablePlan],
    ) -> None:
        self._declared = {table.name: table for table in declared if table.name in plans}
        self._ours = {(plan.target_schema, plan.target_name): plan for plan in plans.values()}
        self._loaded = {(plan.target_schema, plan.target_name) for plan in planned}
        self._keeps_rows = options.if_exists is IfExists.MERGE
        self._keys = standing_keys(connection, self._ours)
        self._alone: dict[str, dict[str, ColumnPlan]] = {}

    def with_standing(self, declared: Sequence[Reference]) -> Searched:
        """Put the application's keys in the place of the source's, but of those that the run acts on itself."""
        found = {reference: key for key in self._keys if (reference := self._reference(key)) is not None}
        acting = {r.points for r in declared if r.action is not OnOrphan.NOT_VALID}
        standing = {r: key for r, key in found.items() if r.points not in acting}
        enforced = {reference.points for reference in standing}
        own = [
            r if r.action is not OnOrphan.NOT_VALID else replace(r, refusal=NO_SUCH_KEY)
            for r in declared
            if r.points not in enforced
        ]
        beside = {r: key for r, key in standing.items() if key.parent not in self._loaded or self._keeps_rows}
        return Searched((*own, *standing), beside, self._alone)

    def _reference(self, key: StandingKey) -> Reference | None:
        """Return a key in the words of the source; None where rows do not bring its columns, or only others know."""
        plan = self._ours[key.child]
        ours = _columns(plan, key.columns)
        if ours is None or (key.parent in self._loaded and key.parent not in self._ours):
            return None
        parent = self._ours.get(key.parent)
        if parent is None:
            name = quoted(*key.parent)
            theirs = [replace(c, name=n) for c, n in zip(ours, key.parent_columns, strict=True)]
            self._alone.setdefault(name, {}).update({column.name: column for column in theirs})
        else:
            name, known = parent.name, _columns(parent, key.parent_columns)
            if known is None or not all(map(comparable, ours, known)):
                return None
            theirs = known
        table = self._declared[plan.name]
        columns = {folded(column.name): column for column in plan.columns}
        names = tuple(column.name for column in ours)
        action, refusal = orphan_action(table, columns, names, theirs, OnOrphan.QUARANTINE)
        return Reference(
            plan.name, names, name, tuple(column.name for column in theirs), action, refusal, key.reason
        )


def _columns(plan: TablePlan, names: Sequence[str]) -> list[ColumnPlan] | None:
    by_name = {column.target_name: column for column in plan.columns if not column.computed_there}
    found = [by_name.get(name) for name in names]
    return None if None in found else [column for column in found if column is not None]
