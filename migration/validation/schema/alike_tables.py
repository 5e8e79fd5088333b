"""Tables that are alike but for their names: the server is asked once what it makes of all of them.

Applications that keep a table for each customer, month or shard have hundreds of one kind. To make one in the server is
four to six files and as many entries in its catalogs, so each that need not be made counts. Alike is decided by the
statements themselves, letter by letter: where a name could stand for anything but the thing that is named, the table is
made by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from migration.target.sql_statements import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import TablePlan, TargetObject
    from migration.target.pg_catalog.table_shapes import ConstraintShape, IndexShape, TableShape

_NAME: Final = "\0"
"""In the place of a name; PostgreSQL takes no statement that has it."""


@dataclass(frozen=True, slots=True)
class Alike:
    """A plan whose shape is that of `first`, but for the names of the table and of what stands on it."""

    plan: TablePlan
    first: TablePlan
    names: Mapping[str, str]
    """Name of an object of `first` → name of the same object here."""

    def shape(self, of_first: TableShape) -> TableShape | None:
        """Return the shape of the plan; None where the server has made a name of its own choice."""
        made = {one.name for one in of_first.constraints} | {one.name for one in of_first.indexes}
        if not made <= self.names.keys():
            return None
        constraints = tuple(replace(one, name=self.names[one.name]) for one in of_first.constraints)
        indexes = tuple(replace(one, name=self.names[one.name]) for one in of_first.indexes)
        return replace(
            of_first,
            name=self.plan.target_name,
            # In the order in which the server would give them.
            constraints=tuple(sorted(constraints, key=_bytes_of_name)),
            indexes=tuple(sorted(indexes, key=_bytes_of_name)),
        )


def _bytes_of_name(one: ConstraintShape | IndexShape) -> bytes:
    return one.name.encode()


def find_alike(plans: Sequence[tuple[TablePlan, Sequence[TargetObject]]]) -> list[Alike | None]:
    """Return for each plan, with the objects that are built on it, which of those before it is alike.

    None for the first of its kind, and for those that hang on other tables by foreign keys.
    """
    firsts: dict[tuple[object, ...], tuple[TablePlan, Sequence[TargetObject]]] = {}
    found: list[Alike | None] = []
    for plan, objects in plans:
        form = _form(plan, objects)
        first = firsts.get(form) if form is not None else None
        if form is None or first is None:
            if form is not None:
                firsts[form] = plan, objects
            found.append(None)
            continue
        pairs = zip(first[1], objects, strict=True)
        found.append(Alike(plan, first[0], {theirs.name: ours.name for theirs, ours in pairs}))
    return found


def _form(plan: TablePlan, objects: Sequence[TargetObject]) -> tuple[object, ...] | None:
    """Return what two plans have in common exactly if they are alike; None where that is not to be told."""
    if any(item.kind == "foreign key" for item in objects):
        return None
    table = quoted(plan.target_name)
    statements = [(plan.create_sql, ""), *((item.sql, quoted(item.name)) for item in objects)]
    for sql, name in statements:
        if sql.count(table) != 1 or f"{{schema}}.{table}" not in sql or (name and sql.count(name) != 1):
            return None
    return (
        plan.target_schema,
        *(column.target_name for column in plan.columns),
        *(item.kind for item in objects),
        *(sql.replace(table, _NAME).replace(name or table, _NAME) for sql, name in statements),
    )
