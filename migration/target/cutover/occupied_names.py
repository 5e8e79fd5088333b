"""Whether the names that a run needs are free, and whether what stands there can make room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.convoy_error import Place
from migration.errors import TargetOccupiedError, TargetPermissionError
from migration.model import IfExists
from migration.name_lists import some
from migration.target.pg_catalog.schema_relations import relations_named, types_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan
    from migration.target.pg_catalog.schema_relations import Relation


def view_names(plans: Sequence[TablePlan]) -> list[str]:
    """Return the names of the views that the plans create beside their tables."""
    return [item.name for plan in plans for item in plan.objects if item.kind == "view"]


def relations_to_replace(
    connection: Connection, schema: str, plans: Sequence[TablePlan], if_exists: IfExists
) -> list[Relation]:
    """Return what stands in `schema` under the names of the plans' tables and views.

    Args:
        connection: any connection to the target.
        schema: the target schema; it need not exist.
        plans: tables that go into that schema.
        if_exists: what the user asked for.

    Raises:
        TargetOccupiedError: something stands there and is not to be, or cannot be, replaced.
        TargetPermissionError: it belongs to another role.
    """
    tables = [plan.target_name for plan in plans]
    wanted = {*tables, *view_names(plans)}
    found = relations_named(connection, schema, wanted)
    taken = types_named(connection, schema, wanted)
    place: Place = {"schema": schema}
    if taken:
        raise TargetOccupiedError(
            f"The target schema has data types of the same names as tables: {some(taken)}",
            remedy="Choose another schema with --target-schema, or rename or drop the types",
            **place,
        )
    if found and if_exists is IfExists.REFUSE:
        raise TargetOccupiedError(
            f"The target schema already holds {some([f'{r.kind} {r.name}' for r in found])}",
            remedy="Replace them with --if-exists replace (they are kept for rollback), or choose --target-schema",
            **place,
        )
    others = [
        relation
        for relation in found
        if relation.kind not in (("table", "view") if relation.name not in tables else ("table",))
        or relation.is_partition
    ]
    if others:
        names = [f"partition {r.name}" if r.is_partition else f"{r.kind} {r.name}" for r in others]
        raise TargetOccupiedError(
            f"Only tables can be replaced, and the target schema holds {some(names)}",
            remedy="Rename or drop them, or choose --target-schema",
            **place,
        )
    foreign = [relation.name for relation in found if not relation.may_alter]
    if foreign:
        raise TargetPermissionError(
            f"Tables to replace belong to another role: {some(foreign)}",
            remedy="Connect as their owner, or grant its role to yours",
            **place,
        )
    return found
