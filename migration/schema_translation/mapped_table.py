"""A table of a source beside what it becomes: names, plans and profiles of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migration.model import ColumnPlan, ColumnProfile
    from migration.source_schema import SourceTable


@dataclass(frozen=True, slots=True)
class MappedTable:
    """A source table with the decisions about its name and columns."""

    source: SourceTable
    target_name: str
    columns: Mapping[str, ColumnPlan]
    """By lower-case source name."""
    profiles: Mapping[str, ColumnProfile]

    def targets(self, names: Iterable[str]) -> list[str]:
        """Return target names of columns; raises KeyError for one that the table does not have."""
        return [self.columns[folded(name)].target_name for name in names]
