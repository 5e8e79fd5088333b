"""What Convoy would have made of a source, as the server reads it: built as temporary tables, looked at, and undone.

The server brings every expression into its own spelling and knows which types its operators take. So ours are
read back from where theirs are read, and no text of Convoy's is ever compared with one of the server's.
Temporary tables need no right that a reading role usually lacks (TEMPORARY is granted to PUBLIC); nobody sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.errors import PermanentError
from migration.model import ObjectState
from migration.target.loading.index_and_constraint_creation import build_object, building
from migration.target.pg_catalog.table_shapes import TableShape, look_in, read_shapes
from migration.target.postgres_errors import translate
from migration.target.session_time_zone import times_read_in
from migration.target.sql_statements import quoted, run_all, run_sql
from migration.validation.schema.alike_tables import find_alike

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan, TargetObject
    from migration.validation.schema.alike_tables import Alike

TEMPORARY: Final = "pg_temp"
_FACTS: Final = """
SELECT pg_catalog.has_database_privilege(current_database(), 'TEMPORARY') AS may_make, current_user AS role,
       pg_catalog.pg_is_in_recovery() AS is_standby, current_database() AS database,
       current_setting('transaction_read_only')::boolean AS is_read_only
"""
_KEYS: Final = frozenset({"primary key", "unique constraint", "index"})
_TABLES_AT_ONCE: Final = 50
_SHAPED: Final = _KEYS | {"check", "foreign key"}


@dataclass(frozen=True, slots=True)
class WantedShape:
    """A table as Convoy would make it; `refused` says by name of object why the server does not take it here."""

    shape: TableShape
    refused: dict[str, str]


def may_build(connection: Connection) -> bool:
    """Whether the role may make temporary tables here."""
    return why_nothing_is_built(connection) is None


def why_nothing_is_built(connection: Connection) -> str | None:
    """Return why the schema cannot be compared here, with what to do about it; None where it can."""
    row = connection.execute(text(_FACTS)).one()
    what = "Types, constraints and views were not compared:"
    if row.is_standby:
        return f"{what} the server is a standby, which takes no temporary tables. Ask its primary"
    if row.is_read_only:
        return (
            f"{what} the session may only read (default_transaction_read_only), and makes no temporary tables"
        )
    if not row.may_make:
        return (
            f"{what} the role may not make temporary tables, by which the server brings both sides into one spelling."
            f" Run: GRANT TEMPORARY ON DATABASE {quoted(row.database)} TO {quoted(row.role)}"
        )
    return None


def wanted_shapes(
    connection: Connection, schema: str, plans: Sequence[TablePlan], every: Sequence[TablePlan], zone: str
) -> list[WantedShape | str]:
    """Return what `wanted_shape` does for each plan, in their order; `every` are all tables of the source.

    Some are built at once, which takes few statements where the server takes all of it; else each by itself. Of those
    that are alike but for their names, one is built, unless the server refuses anything of it.
    """
    alike = find_alike([(plan, _shaped(plan)) for plan in plans])
    own = [plan for plan, other in zip(plans, alike, strict=True) if other is None]
    shapes = dict(zip(map(id, own), _built(connection, schema, own, every, zone), strict=True))
    shapes |= {id(other.plan): told for other in alike if other and (told := _told_by(other, shapes))}
    left = [plan for plan in plans if id(plan) not in shapes]
    shapes |= zip(map(id, left), _built(connection, schema, left, every, zone), strict=True)
    return [shapes[id(plan)] for plan in plans]


def _told_by(other: Alike, shapes: Mapping[int, WantedShape | str]) -> WantedShape | None:
    of_first = shapes[id(other.first)]
    if isinstance(of_first, str) or of_first.refused:
        return None
    shape = other.shape(of_first.shape)
    return WantedShape(shape, {}) if shape is not None else None


def _built(
    connection: Connection, schema: str, plans: Sequence[TablePlan], every: Sequence[TablePlan], zone: str
) -> list[WantedShape | str]:
    shapes: list[WantedShape | str] = []
    for first in range(0, len(plans), _TABLES_AT_ONCE):
        part = plans[first : first + _TABLES_AT_ONCE]
        together = _shapes_together(connection, schema, part, every, zone)
        shapes += together or [wanted_shape(connection, schema, plan, every, zone) for plan in part]
    return shapes


def _shapes_together(
    connection: Connection, schema: str, plans: Sequence[TablePlan], every: Sequence[TablePlan], zone: str
) -> list[WantedShape]:
    """Return the shapes of plans that the server takes as they are; nothing where it refuses anything of them."""
    inside = {plan.target_name for plan in plans}
    parents = {
        parent.target_name: parent
        for plan in plans
        for parent in _parents(plan, every)
        if parent.target_name not in inside
    }
    keys = [item for parent in parents.values() for item in parent.objects if item.kind in _KEYS]
    own = sorted((item for plan in plans for item in _shaped(plan)), key=lambda item: item.stage)
    temporary = quoted(TEMPORARY)
    statements = [
        plan.create_sql.replace("{schema}", temporary) for plan in (*parents.values(), *plans)
    ] + building((item, TEMPORARY) for item in (*keys, *own))
    savepoint = connection.begin_nested()
    try:
        look_in(connection, schema)
        with times_read_in(connection, zone):
            run_all(connection, statements)
        found = read_shapes(connection, schema, [plan.target_name for plan in plans], temporary=True)
        return [WantedShape(found[plan.target_name], {}) for plan in plans]
    except DBAPIError as error:
        if connection.invalidated:
            raise translate(error) from error
        return []
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _shaped(plan: TablePlan) -> list[TargetObject]:
    return [i for i in plan.objects if i.kind in _SHAPED and i.state is not ObjectState.SKIPPED and i.sql]


def wanted_shape(
    connection: Connection, schema: str, plan: TablePlan, plans: Sequence[TablePlan], zone: str
) -> WantedShape | str:
    """Return what the server makes of a plan, or why it makes nothing of it.

    Built by itself, with its parents, and undone: locks of a thousand tables are never held at once.

    Args:
        connection: in a transaction, which stays usable.
        schema: the target schema; types and collations of it may be named without it.
        plan: the table.
        plans: all tables of the source, for the parents of foreign keys.
        zone: the source's time zone.

    Raises:
        RetryableError: the connection broke.
    """
    savepoint = connection.begin_nested()
    try:
        look_in(connection, schema)
        parents = _parents(plan, plans)
        items = _shaped(plan)
        with times_read_in(connection, zone):
            for each in (*parents, plan):
                run_sql(connection, each.create_sql.replace("{schema}", quoted(TEMPORARY)))
            for parent in parents:
                _build(connection, [i for i in parent.objects if i.kind in _KEYS])
            refused = _build(connection, sorted(items, key=lambda item: item.stage))
        shape = read_shapes(connection, schema, [plan.target_name], temporary=True)[plan.target_name]
    except DBAPIError as error:
        problem = translate(error, table=plan.target_name)
        if not isinstance(problem, PermanentError):
            raise problem from error
        return problem.what
    except PermanentError as error:
        return error.what
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()
    return WantedShape(shape, refused)


def _build(connection: Connection, items: Iterable[TargetObject]) -> dict[str, str]:
    refused = {}
    for item in items:
        result, _ = build_object(connection, item, TEMPORARY)
        if result.state is ObjectState.SKIPPED:
            refused[item.name] = result.reason
    return refused


def _parents(plan: TablePlan, plans: Sequence[TablePlan]) -> list[TablePlan]:
    """Return the other tables to which foreign keys of this one refer: those whose name their SQL holds."""
    keys = [item.sql for item in plan.objects if item.kind == "foreign key" and item.sql]
    if not keys:
        return []
    return [
        other
        for other in plans
        if other.target_name != plan.target_name
        and any(f"REFERENCES {{schema}}.{quoted(other.target_name)} " in sql for sql in keys)
    ]
