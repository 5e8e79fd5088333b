"""Decides what becomes of rows whose foreign key points at no row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.mapping_file_model import OnOrphan
from migration.model import ValueKind
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import ColumnPlan
    from migration.source_schema import SourceTable


_INTEGERS: Final = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_FLOATS: Final = frozenset({ValueKind.FLOAT32, ValueKind.FLOAT64})


def wanted_for(table: SourceTable, of_the_run: OnOrphan) -> OnOrphan:
    """Return what the user wants for a table: the mapping file goes before the run's options."""
    asked = table.override.on_orphan if table.override is not None else None
    return of_the_run if asked is None else asked


def comparable(child: ColumnPlan, parent: ColumnPlan) -> bool:
    """Tell whether PostgreSQL takes a foreign key between columns of these types, and Convoy compares them as it does.

    What PostgreSQL can compare or convert by itself; but for dates beside times, whose equality depends on the server's
    time zone. https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-PARMS-REFERENCES
    """
    if child.kind is parent.kind:
        return True
    if child.kind in _INTEGERS:
        return parent.kind in _INTEGERS | _FLOATS | {ValueKind.NUMERIC}
    return child.kind in _FLOATS | {ValueKind.NUMERIC} and parent.kind in _FLOATS


def orphan_action(
    table: SourceTable,
    columns: Mapping[str, ColumnPlan],
    referencing: Sequence[str],
    parents: Sequence[ColumnPlan],
    wanted: OnOrphan,
) -> tuple[OnOrphan, str]:
    """Return what becomes of the orphan rows of one foreign key, and why it is not what was wanted.

    Args:
        table: the child.
        columns: its plans, by lower-case source name.
        referencing: the key's columns, all of which the child has.
        parents: what they refer to.
        wanted: what the user asked for.
    """
    if wanted is OnOrphan.NOT_VALID:
        return wanted, ""
    ours = [columns[folded(name)] for name in referencing]
    differing = [(c, p) for c, p in zip(ours, parents, strict=True) if not comparable(c, p)]
    if differing:
        child, parent = differing[0]
        types = f"{child.target_type} is not compared with {parent.target_type}"
        return OnOrphan.NOT_VALID, f"{wanted} is not possible here: {types}"
    problem = _why_not(table, ours, wanted)
    if problem is None:
        return wanted, ""
    return OnOrphan.NOT_VALID, f"{wanted} is not possible here: {problem}"


def _why_not(table: SourceTable, columns: Sequence[ColumnPlan], wanted: OnOrphan) -> str | None:
    if table.rowid_name is None and not table.without_rowid:
        return f"rows of {table.name} have no key by which they could be found again"
    for column in columns:
        if column.generated_sql is not None:
            return f"PostgreSQL computes {column.name}"
        if wanted is OnOrphan.QUARANTINE:
            continue
        if column.name in table.primary_key:
            return f"{column.name} is part of the primary key"
        if column.not_null:
            return f"{column.name} is NOT NULL"
    return None


def orphan_reason(parent: str) -> str:
    """Return why an orphan row is in quarantine."""
    return f"no parent row in {parent} has this key"
