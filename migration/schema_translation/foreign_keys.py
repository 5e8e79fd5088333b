"""The foreign keys of a source that PostgreSQL can have, and what becomes of rows that point nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.mapping_file_model import OnOrphan
from migration.schema_translation.constraint_and_index_ddl import why_impossible
from migration.schema_translation.mapped_table import MappedTable
from migration.sqlite_names import folded
from migration.value_conversion.orphan_row_policy import comparable, orphan_action, wanted_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migration.model import TablePlan
    from migration.source_schema import SourceTable


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key in the words of the source. `refusal` says why `action` is not what was wanted.

    `reason`: what is said of a row that leaves, where it is the target's own key that refuses it.
    """

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    action: OnOrphan
    refusal: str = ""
    reason: str = ""

    @property
    def points(self) -> tuple[str, tuple[str, ...], str, tuple[str, ...]]:
        """From where to where it points, whatever becomes of rows that point nowhere."""
        return self.child, self.columns, self.parent, self.parent_columns

    @property
    def target(self) -> str:
        """What the key points at, for messages."""
        return f"{self.parent} ({', '.join(self.parent_columns)})"


def find_references(
    declared: Iterable[SourceTable], plans: Mapping[str, TablePlan], on_orphan: OnOrphan
) -> list[Reference]:
    """Return the foreign keys between the planned tables of one source.

    Left out are those that PostgreSQL cannot have: to a table that is not migrated, to columns that are not unique, or
    between types that it does not compare. Their rows stay, whatever was asked for.

    Args:
        declared: the tables of the source, as a mapping file wants them seen.
        plans: by name in the source; tables without one are not migrated.
        on_orphan: what the run does with orphan rows, where the mapping file says nothing.
    """
    tables = {
        folded(table.name): MappedTable(
            table,
            plans[table.name].target_name,
            {folded(column.name): column for column in plans[table.name].columns},
            {},
        )
        for table in declared
        if table.name in plans
    }
    found: list[Reference] = []
    for table in tables.values():
        for key in table.source.foreign_keys:
            parent = tables.get(folded(key.parent_table))
            if parent is None:
                continue
            parents = key.parent_columns or parent.source.primary_key
            if why_impossible(table, parent, key, parents) is not None:
                continue
            ours = [table.columns[folded(name)] for name in key.columns]
            theirs = [parent.columns[folded(name)] for name in parents]
            if not all(map(comparable, ours, theirs)):
                continue
            wanted = wanted_for(table.source, on_orphan)
            action, refusal = orphan_action(table.source, table.columns, key.columns, theirs, wanted)
            found.append(
                Reference(
                    table.source.name,
                    tuple(column.name for column in ours),
                    parent.source.name,
                    tuple(column.name for column in theirs),
                    action,
                    refusal,
                )
            )
    return list(dict.fromkeys(found))  # SQLite takes the same key twice
