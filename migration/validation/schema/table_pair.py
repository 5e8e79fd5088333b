"""A table on both sides: as Convoy would make it, and as it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migration.target.pg_catalog.table_shapes import ColumnShape, TableShape


@dataclass(frozen=True, slots=True)
class TablePair:
    """A table on both sides.

    `own` is made with Convoy's types, `fitted` with those that stand, so that expressions over the columns read the
    same; `standing` is the target's.
    """

    name: str
    """In the source."""
    names: Mapping[str, str]
    """Column in the target → column in the source."""
    own: TableShape
    fitted: TableShape
    standing: TableShape
    left_out: frozenset[str] = frozenset()
    """Columns of either side that are not to be compared, by their names in the target."""
    unknown_defaults: frozenset[str] = frozenset()
    """Columns whose default, or whose computation, in the source could not be translated."""
    unknown_kinds: frozenset[str] = frozenset()
    """Kinds of objects of which one could not be translated or built: what stands alone may be that one."""
    same_value: Callable[[ColumnShape, ColumnShape], bool] = field(
        default=lambda ours, theirs: ours.default_sql == theirs.default_sql
    )
    """Tells whether the defaults of two columns, ours and theirs, always give one value."""
